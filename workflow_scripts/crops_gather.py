"""All parts of a screen: one crop index, one QC table, one set of channel statistics."""

from _job import job, snakemake

with job(snakemake):
    from cwamsn.crops import gather_crops

    gather_crops(
        snakemake.input.index,
        snakemake.input.qc,
        snakemake.input.statistics,
        snakemake.output.index,
        snakemake.output.qc,
        snakemake.output.statistics,
        snakemake.params.plates,
    )
