"""Fetch the images of one part; write its fields table."""

from _job import full_spec, job, snakemake

with job(snakemake):
    from cwamsn.screens import fetch_unit

    fetch_unit(
        snakemake.wildcards.screen,
        full_spec(snakemake),
        snakemake.wildcards.unit,
        snakemake.input.wells,
        snakemake.params.cache,
        snakemake.output.raw,
        snakemake.output.fields,
    )
