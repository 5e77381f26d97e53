"""Fetch the metadata of a screen; write its wells table."""

from _job import full_spec, job, snakemake

with job(snakemake):
    from cwamsn.screens import write_wells

    write_wells(
        snakemake.wildcards.screen,
        full_spec(snakemake),
        snakemake.params.cache,
        snakemake.output.wells,
        snakemake.output.source,
    )
