"""Embeddings of the evaluation screen from an encoder with public weights."""

from pathlib import Path

from _job import job, snakemake

with job(snakemake):
    import torch

    from cwamsn import tables
    from cwamsn.crops import CropStore
    from cwamsn.embeddings import arithmetic, count_wells, embed
    from cwamsn.files import write_json
    from cwamsn.gpus import required_gpus
    from cwamsn.live import say
    from cwamsn.models import leased_devices, load_pretrained

    torch.set_num_threads(snakemake.threads)
    entry = snakemake.params.entry
    store = CropStore(snakemake.input.crops, Path(snakemake.input.crops).parent)
    encoder, meta = load_pretrained(
        entry["weights"],
        len(store.channels),
        path=entry["path"],
        sha256=entry["sha256"],
        backbone_path=entry["backbone_path"],
        accept_noncommercial=snakemake.params.accept,
        key=f"models.{snakemake.wildcards.model}.path",
    )
    statistics = {"mean": entry["mean"] or meta["mean"], "std": entry["std"] or meta["std"]}
    statistics["channels"] = store.channels
    asked = snakemake.params.options
    gpus = required_gpus(snakemake.config, "embedding", asked["device"])
    with leased_devices(asked["device"], gpus=gpus, key="embedding", say=say) as (device,):
        options = asked | {"device": device}
        frame = embed(encoder, meta, store, statistics, options)
        told = arithmetic(options)
    wells = tables.read("wells", snakemake.input.wells)
    counts = count_wells(frame, wells, snakemake.params.max_missing_share, snakemake.input.crops)
    tables.write(frame, "embeddings", snakemake.output.embeddings)
    write_json(counts | told | {"encoder": meta | statistics}, snakemake.output.counts)
