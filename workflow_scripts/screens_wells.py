"""Fetch the metadata of a screen; write its wells table."""

from pathlib import Path

from _job import full_spec, job, snakemake

with job(snakemake):
    from cwamsn.paths import ScreenPaths
    from cwamsn.screen_specs import parse_spec
    from cwamsn.screens import write_wells

    screen = ScreenPaths(Path(snakemake.output.wells).parent)
    write_wells(screen, parse_spec(full_spec(snakemake)), snakemake.params.cache)
