"""One plate or shard of a screen: raw planes to a shard of the crop store, index, QC table and channel sums."""

from pathlib import Path

from _job import job, snakemake

with job(snakemake):
    from cwamsn.crops import ChannelMap, CropOptions, write_crops
    from cwamsn.paths import ScreenPaths
    from cwamsn.screen_specs.image_options import ImageOptions

    write_crops(
        ScreenPaths(Path(snakemake.input.wells).parent).unit(snakemake.wildcards.unit),
        CropOptions.from_config(snakemake.params.crops),
        snakemake.params.spec["channel_map"],
        {name: ChannelMap.from_config(entry) for name, entry in snakemake.params.channel_maps.items()},
        images=ImageOptions.from_config(snakemake.params.spec.get("images") or {}),
    )
