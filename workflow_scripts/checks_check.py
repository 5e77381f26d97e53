"""Check the screens of the run; each has a page and a JSON in its folder. Fails where something must be corrected."""

from pathlib import Path

from _job import job, snakemake

with job(snakemake):
    from cwamsn.checks import check_screens
    from cwamsn.crops import ChannelMap, CropOptions
    from cwamsn.paths import ScreenPaths
    from cwamsn.screen_specs import parse_spec

    check_screens(
        {ScreenPaths(Path(snakemake.params.data) / n): parse_spec(spec) for n, spec in snakemake.params.specs.items()},
        crops=CropOptions.from_config(snakemake.config["crops"]),
        channel_maps={n: ChannelMap.from_config(e) for n, e in snakemake.config["channel_maps"].items()},
        cache=snakemake.params.cache,
    )
