"""Mean average precision of replicate retrieval on aligned wells."""

from _job import job, snakemake

with job(snakemake):
    from cwamsn.alignment import AlignOptions, align
    from cwamsn.benchmarks.compound_gene import load_truth
    from cwamsn.benchmarks.replicates import replicate_map, summary, target_map
    from cwamsn.benchmarks.scores import as_scores
    from cwamsn.embeddings import load_features
    from cwamsn.files import atomic_path
    from cwamsn.tables import read, write

    options, in_sample = snakemake.params.options, snakemake.params.in_sample
    features, wells = load_features(snakemake.input.embeddings, read("wells", snakemake.input.wells))
    aligned = align(features, wells, options=AlignOptions.from_config(snakemake.params.alignment))
    table = replicate_map(aligned, wells, **options)
    with atomic_path(snakemake.output.table) as path:
        table.to_parquet(path, index=False)
    parts = [summary(table, in_sample)]
    if snakemake.input.get("truth"):
        truth = load_truth(snakemake.input.truth, read("wells", snakemake.input.wells))
        targets = target_map(read("map", snakemake.input.map), truth, options["null_size"], options["seed"])
        parts.append(summary(targets, in_sample, "targets"))
    write(as_scores(parts, **dict(snakemake.params.fixed)), "scores", snakemake.output.scores)
