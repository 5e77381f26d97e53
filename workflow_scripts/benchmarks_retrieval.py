"""Replicate retrieval on aligned wells at levels of stringency."""

from dataclasses import replace

from _job import job, snakemake

with job(snakemake):
    from cwamsn.alignment import AlignOptions, align
    from cwamsn.benchmarks.bootstrap import BootstrapOptions
    from cwamsn.benchmarks.stringency import RetrievalOptions, score
    from cwamsn.embeddings import load_features
    from cwamsn.exposure import is_in_sample
    from cwamsn.tables import read

    given, params = snakemake.input, snakemake.params
    all_wells = read("wells", given.wells)
    features, wells = load_features(given.embeddings, all_wells)
    in_sample = is_in_sample(params.in_sample, given.get("training"), given.wells, all_wells)
    aligned = align(features, wells, options=AlignOptions.from_config(params.alignment))
    options = replace(RetrievalOptions.from_config(params.options), threads=snakemake.threads)
    result = score(aligned, wells, options, BootstrapOptions.from_config(params.bootstrap), in_sample=in_sample)
    result.write(snakemake.output.scores, snakemake.output.table, **params.fixed)
