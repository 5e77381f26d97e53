"""MorphoHELM's scores as its code computes them."""

from _job import job, snakemake

with job(snakemake):
    from cwamsn.alignment import AlignOptions, align
    from cwamsn.benchmarks.bootstrap import BootstrapOptions
    from cwamsn.benchmarks.morphohelm import read_relations, score
    from cwamsn.embeddings import load_features
    from cwamsn.exposure import is_in_sample
    from cwamsn.tables import read

    given, params = snakemake.input, snakemake.params
    all_wells = read("wells", given.wells)
    features, wells = load_features(given.embeddings, all_wells)
    result = score(
        align(features, wells, options=AlignOptions.from_config(params.alignment)),
        wells,
        params.of_set,
        BootstrapOptions.from_config(params.bootstrap),
        relations=read_relations(given.get("labels"), given.get("gene_pairs")),
        in_sample=is_in_sample(params.in_sample, given.get("training"), given.wells, all_wells),
        threads=snakemake.threads,
    )
    result.write(snakemake.output.scores, snakemake.output.table, **params.fixed)
