"""All units of a screen: one crop index, one QC table, one set of channel statistics."""

from pathlib import Path

from _job import job, snakemake

with job(snakemake):
    from cwamsn.crops import PlateOptions, gather_crops
    from cwamsn.paths import ScreenPaths

    gather_crops(
        ScreenPaths(Path(snakemake.output.index).parent),
        [Path(path).stem for path in snakemake.input.index],
        PlateOptions.from_config(snakemake.params.plates),
        microns_per_pixel=snakemake.params.plates.get("microns_per_pixel"),
    )
