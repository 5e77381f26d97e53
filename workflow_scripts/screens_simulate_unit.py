"""Write the images of one plate or shard of a simulated screen."""

from _job import job, snakemake

with job(snakemake):
    from cwamsn.screen_specs import parse_spec
    from cwamsn.simulate import simulate_unit

    simulate_unit(parse_spec(snakemake.params.spec), snakemake.params.host, snakemake.wildcards.unit)
