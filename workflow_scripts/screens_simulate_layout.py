"""Write the metadata files of a simulated screen."""

from _job import job, snakemake

with job(snakemake):
    from cwamsn.simulate import simulate_layout

    simulate_layout(snakemake.params.spec, snakemake.params.host)
