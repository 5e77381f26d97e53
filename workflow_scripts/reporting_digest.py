"""Path and SHA-256 of one file of the user's."""

from _job import job, snakemake

with job(snakemake):
    from cwamsn.files import write_digest

    write_digest(snakemake.input[0], snakemake.output[0])
