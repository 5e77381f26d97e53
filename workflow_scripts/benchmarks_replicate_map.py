"""Mean average precision of replicate retrieval on aligned wells."""

from _job import job, snakemake

with job(snakemake):
    from cwamsn.alignment import AlignOptions, align
    from cwamsn.benchmarks.compound_gene import load_truth
    from cwamsn.benchmarks.replicates import ReplicateOptions, score
    from cwamsn.embeddings import load_features
    from cwamsn.exposure import is_in_sample
    from cwamsn.tables import read

    given, params = snakemake.input, snakemake.params
    all_wells = read("wells", given.wells)
    features, wells = load_features(given.embeddings, all_wells)
    in_sample = is_in_sample(params.in_sample, given.get("training"), given.wells, all_wells)
    aligned = align(features, wells, options=AlignOptions.from_config(params.alignment))
    targets = (read("map", given.map), load_truth(given.truth, all_wells)) if given.get("truth") else None
    options = ReplicateOptions.from_config(params.options)
    result = score(aligned, wells, options, in_sample=in_sample, targets=targets)
    result.write(snakemake.output.scores, snakemake.output.table, **params.fixed)
