"""Embeddings of a file, matched with the wells of the evaluation screen."""

from _job import job, snakemake

with job(snakemake):
    from cwamsn import tables
    from cwamsn.embeddings import read_embeddings
    from cwamsn.files import write_json

    wells = tables.read("wells", snakemake.input.wells)
    entry, allowed = snakemake.params.entry, snakemake.params.max_missing_share
    frame, counts = read_embeddings(snakemake.input.file, entry, wells, allowed)
    print(counts)
    tables.write(frame, "embeddings", snakemake.output.embeddings)
    write_json(counts, snakemake.output.counts)
