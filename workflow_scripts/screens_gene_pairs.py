"""Fetch the pairs of genes that are published with a screen."""

from _job import full_spec, job, snakemake

with job(snakemake):
    from cwamsn.screen_specs import parse_spec
    from cwamsn.screens import fetch_gene_pairs

    fetch_gene_pairs(parse_spec(full_spec(snakemake)), snakemake.params.cache, snakemake.output[0])
