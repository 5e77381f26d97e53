"""Fetch the images of one plate or shard; write its fields table."""

from pathlib import Path

from _job import full_spec, job, snakemake

with job(snakemake):
    from cwamsn.paths import ScreenPaths
    from cwamsn.screen_specs import parse_spec
    from cwamsn.screens import fetch_unit

    unit = ScreenPaths(Path(snakemake.input.wells).parent).unit(snakemake.wildcards.unit)
    fetch_unit(unit, parse_spec(full_spec(snakemake)), snakemake.params.cache)
