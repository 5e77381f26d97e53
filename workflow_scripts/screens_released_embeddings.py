"""Fetch the embeddings that are published with a screen."""

from _job import full_spec, job, snakemake

with job(snakemake):
    from cwamsn.screens import fetch_released_embeddings

    fetch_released_embeddings(full_spec(snakemake), snakemake.params.cache, snakemake.output[0])
