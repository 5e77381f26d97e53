"""The truth of a simulated evaluation screen as embeddings."""

from _job import job, snakemake

with job(snakemake):
    import pandas as pd

    from cwamsn import tables
    from cwamsn.embeddings import count_wells
    from cwamsn.embeddings.latent import latent_embeddings
    from cwamsn.files import write_json

    wells = tables.read("wells", snakemake.input.wells)
    frame = latent_embeddings(pd.read_parquet(snakemake.input.truth), wells, snakemake.params.part)
    tables.write(frame, "embeddings", snakemake.output.embeddings)
    write_json(count_wells(frame, wells, 0.0, snakemake.input.truth), snakemake.output.counts)
