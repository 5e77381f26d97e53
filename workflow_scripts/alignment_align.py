"""Embeddings of wells to a map of perturbations."""

from _job import job, snakemake

with job(snakemake):
    from cwamsn import tables
    from cwamsn.alignment import AlignOptions, aggregate, align
    from cwamsn.embeddings import load_features

    options = AlignOptions.from_config(snakemake.params.options)
    features, wells = load_features(snakemake.input.embeddings, tables.read("wells", snakemake.input.wells))
    aligned = align(features, wells, snakemake.params.method, options, threads=snakemake.threads)
    tables.write(aggregate(aligned, wells, options.pool, options.doses()), "map", snakemake.output.map)
