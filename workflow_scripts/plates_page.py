"""Plates of a screen as a page of heat maps, with pictures of their wells."""

from pathlib import Path

from _job import job, snakemake

with job(snakemake):
    from cwamsn import tables
    from cwamsn.pictures import PictureOptions, Thumbnails
    from cwamsn.plates import PlateOptions, write_plates
    from cwamsn.profiles import read_profiles

    given, options = snakemake.input, PlateOptions.from_config(snakemake.params.options)
    crops = given.get("crops") if options.montages else None
    montages = Path(snakemake.output.montages)
    montages.mkdir(parents=True, exist_ok=True)  # stays empty without crops
    write_plates(
        montages.parent,
        tables.read("wells", given.wells),
        title=snakemake.wildcards.screen,
        qc=tables.read("qc", given.qc) if given.get("qc") else None,
        profiles=dict(zip(snakemake.params.labels, map(read_profiles, given.get("profiles", [])))),
        thumbnails=Thumbnails(crops, Path(crops).parent, PictureOptions(size=options.tile)) if crops else None,
        options=options,
        threads=snakemake.threads,
        simulated=snakemake.params.simulated,
        alone="snakemake plates",
    )
