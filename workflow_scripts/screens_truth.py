"""Fetch the table of known compound-gene relationships."""

from _job import full_spec, job, snakemake

with job(snakemake):
    from cwamsn.screen_specs import parse_spec
    from cwamsn.screens import fetch_truth

    fetch_truth(parse_spec(full_spec(snakemake)), snakemake.params.cache, snakemake.output[0])
