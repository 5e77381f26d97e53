"""A screen on one page: its map, images and neighbours."""

from _job import job, snakemake

with job(snakemake):
    from cwamsn.atlas import AtlasInputs, AtlasOptions, make_atlas

    given, params = snakemake.input, snakemake.params
    make_atlas(
        AtlasInputs(
            profiles=given.profiles,
            crops=given.get("crops"),
            annotations=params.annotations,
            aliases=params.aliases,
        ),
        snakemake.output.page,
        AtlasOptions.from_config(params.options),
        title=params.title,
        threads=snakemake.threads,
    )
