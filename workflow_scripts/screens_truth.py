"""Fetch the compound-gene truth table."""

from _job import full_spec, job, snakemake

with job(snakemake):
    from cwamsn.screens import fetch_truth

    fetch_truth(full_spec(snakemake), snakemake.params.cache, snakemake.output[0])
