"""Measured features of all parts as embeddings of the evaluation screen."""

from _job import job, snakemake

with job(snakemake):
    import pandas as pd

    from cwamsn import tables
    from cwamsn.embeddings import count_wells
    from cwamsn.embeddings.handcrafted import combine_parts
    from cwamsn.files import write_json

    frame, report = combine_parts([pd.read_parquet(path) for path in snakemake.input.parts])
    wells = tables.read("wells", snakemake.input.wells)
    counts = count_wells(frame, wells, snakemake.params.max_missing_share, snakemake.rule)
    tables.write(frame, "embeddings", snakemake.output.embeddings)
    write_json(counts | report, snakemake.output.counts)
