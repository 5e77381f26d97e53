"""Consistency and magnitude of each perturbation on aligned wells."""

from _job import job, snakemake

with job(snakemake):
    from cwamsn.alignment import AlignOptions, align
    from cwamsn.benchmarks.scores import as_scores
    from cwamsn.benchmarks.signal import perturbation_signal, summary
    from cwamsn.embeddings import load_features
    from cwamsn.files import atomic_path
    from cwamsn.tables import read, write

    features, wells = load_features(snakemake.input.embeddings, read("wells", snakemake.input.wells))
    aligned = align(features, wells, options=AlignOptions.from_config(snakemake.params.alignment))
    table = perturbation_signal(aligned, wells, **snakemake.params.options)
    with atomic_path(snakemake.output.table) as path:
        table.to_parquet(path, index=False)
    write(as_scores([summary(table)], **dict(snakemake.params.fixed)), "scores", snakemake.output.scores)
