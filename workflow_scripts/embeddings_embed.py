"""Embeddings of the evaluation screen by a method of any kind."""

import shutil
from pathlib import Path

from _job import job, snakemake

with job(snakemake):
    from cwamsn import tables
    from cwamsn.embeddings import EmbedOptions
    from cwamsn.embeddings.methods import embed_fields, embed_method
    from cwamsn.files import write_json
    from cwamsn.gpus import required_gpus
    from cwamsn.methods import method_of
    from cwamsn.paths import ScreenPaths, parts_of

    given, params, seed = snakemake.input, snakemake.params, int(snakemake.wildcards.seed)
    section = params.get("options", {})
    gpus = required_gpus(snakemake.config, "embedding", section["device"]) if section else 0
    how = {key: snakemake.config["embedding"][key] for key in ("loader_threads", "loader_depth")}
    source = Path(given.encoder).parent if given.get("encoder") else given.get("file") or given.get("units")
    parts = Path(parts_of(snakemake.output.embeddings))
    by_field = params.get("by_field", False)
    wells = {} if by_field else {"keep": params.keep, "max_missing_share": params.get("max_missing_share", 0.0)}
    frame, counts = (embed_fields if by_field else embed_method)(
        method_of(snakemake.wildcards.method, params.entry, [seed]),
        ScreenPaths(Path(given.wells).parent),
        seed,
        EmbedOptions.from_config(section | how | {"gpus": gpus, "threads": snakemake.threads}),
        source,
        accept_noncommercial=params.get("accept", False),
        parts=parts,
        **wells,
    )
    print(counts)
    tables.write(frame, "field_embeddings" if by_field else "embeddings", snakemake.output.embeddings)
    write_json(counts, snakemake.output.counts)
    shutil.rmtree(parts, ignore_errors=True)
