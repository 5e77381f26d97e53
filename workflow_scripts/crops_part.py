"""One part of a screen: raw planes to a shard of the crop store, index, QC table and channel sums."""

from _job import job, snakemake

with job(snakemake):
    from cwamsn.crops import write_crops

    write_crops(
        snakemake.input.fields,
        snakemake.input.skipped,
        snakemake.input.wells,
        snakemake.params.spec,
        snakemake.params.crops,
        snakemake.params.channel_maps,
        snakemake.output.shards,
        snakemake.output.index,
        snakemake.output.qc,
        snakemake.output.statistics,
    )
