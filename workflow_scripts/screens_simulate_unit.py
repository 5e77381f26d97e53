"""Write the images of one part of a simulated screen."""

from _job import job, snakemake

with job(snakemake):
    from cwamsn.simulate import simulate_unit

    simulate_unit(snakemake.params.spec, snakemake.params.host, snakemake.wildcards.unit)
