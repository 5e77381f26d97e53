"""Write the metadata files of a simulated screen."""

from _job import job, snakemake

with job(snakemake):
    from cwamsn.screen_specs import parse_spec
    from cwamsn.simulate import simulate_layout

    simulate_layout(parse_spec(snakemake.params.spec), snakemake.params.host)
