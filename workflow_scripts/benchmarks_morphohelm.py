"""MorphoHELM's scores as its code computes them."""

from functools import partial

from _job import job, snakemake

with job(snakemake):
    from cwamsn.alignment import AlignOptions, align
    from cwamsn.benchmarks.bootstrap import BootstrapOptions
    from cwamsn.benchmarks.morphohelm import read_relations, score
    from cwamsn.benchmarks.shuffled import ShuffleOptions, beside
    from cwamsn.embeddings import load_features
    from cwamsn.exposure import is_in_sample
    from cwamsn.tables import read

    given, params = snakemake.input, snakemake.params
    all_wells = read("wells", given.wells)
    features, wells = load_features(given.embeddings, all_wells)
    aligned = align(features, wells, options=AlignOptions.from_config(params.alignment))
    relations = read_relations(given.get("labels"), given.get("gene_pairs"))
    in_sample = is_in_sample(params.in_sample, given.get("training"), given.wells, all_wells)
    bootstrap, shuffles = BootstrapOptions.from_config(params.bootstrap), ShuffleOptions.from_config(params.shuffles)
    by_code = partial(
        score,
        name=params.of_set,
        bootstrap=bootstrap,
        relations=relations,
        in_sample=in_sample,
        threads=snakemake.threads,
    )
    result = beside(shuffles, wells, lambda w: by_code(aligned, w))
    result.write(snakemake.output.scores, snakemake.output.table, **params.fixed)
