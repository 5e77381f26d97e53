"""Fetch a model's profiles of wells that are published with a screen."""

from _job import full_spec, job, snakemake

with job(snakemake):
    from cwamsn.screen_specs import parse_spec
    from cwamsn.screens import fetch_well_table

    fetch_well_table(
        parse_spec(full_spec(snakemake)), snakemake.wildcards.model, snakemake.params.cache, snakemake.output[0]
    )
