"""Embeddings of wells to a map of perturbations."""

from _job import job, snakemake

with job(snakemake):
    from cwamsn import tables
    from cwamsn.alignment import aggregate, align, align_options
    from cwamsn.embeddings import load_features

    options = snakemake.params.options
    features, wells = load_features(snakemake.input.embeddings, tables.read("wells", snakemake.input.wells))
    aligned = align(features, wells, snakemake.params.method, threads=snakemake.threads, **align_options(options))
    frame = aggregate(aligned, wells, options["pool"], options["concentrations"])
    tables.write(frame, "map", snakemake.output.map)
