"""Replicate retrieval on aligned wells at levels of stringency."""

from dataclasses import replace

from _job import job, snakemake

with job(snakemake):
    from cwamsn.alignment import AlignOptions, align
    from cwamsn.benchmarks.bootstrap import BootstrapOptions
    from cwamsn.benchmarks.stringency import RetrievalOptions, score
    from cwamsn.embeddings import load_features
    from cwamsn.tables import read

    given, params = snakemake.input, snakemake.params
    features, wells = load_features(given.embeddings, read("wells", given.wells))
    aligned = align(features, wells, options=AlignOptions.from_config(params.alignment))
    options = replace(RetrievalOptions.from_config(params.options), threads=snakemake.threads)
    result = score(aligned, wells, options, BootstrapOptions.from_config(params.bootstrap), in_sample=params.in_sample)
    result.write(snakemake.output.scores, snakemake.output.table, **params.fixed)
