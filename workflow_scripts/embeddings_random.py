"""Gaussian embeddings of the evaluation screen."""

from _job import job, snakemake

with job(snakemake):
    from cwamsn import tables
    from cwamsn.embeddings import count_wells, random_embeddings
    from cwamsn.files import write_json

    wells = tables.read("wells", snakemake.input.wells)
    frame = random_embeddings(wells, snakemake.params.dimension, int(snakemake.wildcards.seed))
    tables.write(frame, "embeddings", snakemake.output.embeddings)
    write_json(count_wells(frame, wells, 0.0, snakemake.rule), snakemake.output.counts)
