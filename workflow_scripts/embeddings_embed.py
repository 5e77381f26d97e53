"""Embeddings of the evaluation screen from an encoder trained here."""

from pathlib import Path

from _job import job, snakemake

with job(snakemake):
    import torch

    from cwamsn import tables
    from cwamsn.crops import CropStore
    from cwamsn.embeddings import arithmetic, count_wells, embed, load_encoder
    from cwamsn.files import read_json, write_json
    from cwamsn.gpus import required_gpus
    from cwamsn.live import say
    from cwamsn.models import leased_devices

    torch.set_num_threads(snakemake.threads)
    asked = snakemake.params.options
    encoder, meta = load_encoder(Path(snakemake.input.encoder).parent, asked["encoder"], asked["feature"])
    store = CropStore(snakemake.input.crops, Path(snakemake.input.crops).parent)
    gpus = required_gpus(snakemake.config, "embedding", asked["device"])
    with leased_devices(asked["device"], gpus=gpus, key="embedding", say=say) as (device,):
        options = asked | {"device": device}
        frame = embed(encoder, meta, store, read_json(snakemake.input.statistics), options)
        counted = arithmetic(options)
    wells = tables.read("wells", snakemake.input.wells)
    counts = count_wells(frame, wells, snakemake.params.max_missing_share, snakemake.input.crops)
    tables.write(frame, "embeddings", snakemake.output.embeddings)
    write_json(counts | counted, snakemake.output.counts)
