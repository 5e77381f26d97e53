"""Parameters and operations of a row's encoder."""

from _job import job, snakemake

with job(snakemake):
    from cwamsn.reporting.computation import write_computation

    write_computation(snakemake.input[0], snakemake.output[0])
