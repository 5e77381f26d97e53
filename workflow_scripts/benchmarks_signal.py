"""Consistency and magnitude of each perturbation on aligned wells."""

from _job import job, snakemake

with job(snakemake):
    from cwamsn.alignment import AlignOptions, align
    from cwamsn.benchmarks.signal import SignalOptions, score
    from cwamsn.embeddings import load_features
    from cwamsn.tables import read

    features, wells = load_features(snakemake.input.embeddings, read("wells", snakemake.input.wells))
    aligned = align(features, wells, options=AlignOptions.from_config(snakemake.params.alignment))
    result = score(aligned, wells, SignalOptions.from_config(snakemake.params.options))
    result.write(snakemake.output.scores, snakemake.output.table, **snakemake.params.fixed)
