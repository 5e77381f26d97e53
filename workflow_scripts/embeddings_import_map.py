"""A finished map of a file."""

from _job import job, snakemake

with job(snakemake):
    from cwamsn import tables
    from cwamsn.embeddings import read_map

    frame, counts = read_map(snakemake.input.file, snakemake.params.entry)
    print(counts)
    tables.write(frame, "map", snakemake.output.map)
