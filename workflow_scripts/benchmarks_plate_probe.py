"""Macro-F1 of technical labels predicted from the embeddings, before and after alignment."""

from _job import job, snakemake

with job(snakemake):
    from dataclasses import replace

    from cwamsn.alignment import AlignOptions
    from cwamsn.benchmarks.plate_probe import PlateProbeOptions, score
    from cwamsn.embeddings import load_features
    from cwamsn.tables import read

    options = replace(PlateProbeOptions.from_config(snakemake.params.options), threads=snakemake.threads)
    features, wells = load_features(snakemake.input.embeddings, read("wells", snakemake.input.wells))
    result = score(features, wells, options, AlignOptions.from_config(snakemake.params.alignment))
    result.write(snakemake.output.scores, snakemake.output.table, **snakemake.params.fixed)
