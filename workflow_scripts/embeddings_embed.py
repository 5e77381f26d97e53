"""Embeddings of the evaluation screen from an encoder trained here."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(snakemake.scriptdir).resolve().parent))
from workflow_scripts._script import job

with job(snakemake):
    import torch

    from cwamsn import tables
    from cwamsn.crops import CropStore
    from cwamsn.embeddings import arithmetic, count_wells, embed, load_encoder
    from cwamsn.files import read_json, write_json

    torch.set_num_threads(snakemake.threads)
    options = snakemake.params.options
    encoder, meta = load_encoder(Path(snakemake.input.encoder).parent, options["encoder"], options["feature"])
    store = CropStore(snakemake.input.crops, Path(snakemake.input.crops).parent)
    frame = embed(encoder, meta, store, read_json(snakemake.input.statistics), options)
    wells = tables.read("wells", snakemake.input.wells)
    counts = count_wells(frame, wells, snakemake.params.max_missing_share, snakemake.input.crops)
    tables.write(frame, "embeddings", snakemake.output.embeddings)
    write_json(counts | arithmetic(options), snakemake.output.counts)
