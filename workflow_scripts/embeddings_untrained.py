"""Embeddings of some wells by a method's network before its training."""

from pathlib import Path

from _job import job, snakemake

with job(snakemake):
    from cwamsn import tables
    from cwamsn.embeddings import EmbedOptions
    from cwamsn.embeddings.methods import embed_untrained
    from cwamsn.files import write_json
    from cwamsn.gpus import required_gpus
    from cwamsn.methods import method_of
    from cwamsn.paths import ScreenPaths

    given, params, seed = snakemake.input, snakemake.params, int(snakemake.wildcards.seed)
    gpus = required_gpus(snakemake.config, "embedding", params.options["device"])
    how = {key: snakemake.config["embedding"][key] for key in ("loader_threads", "loader_depth")}
    frame, counts = embed_untrained(
        method_of(snakemake.wildcards.method, params.entry, [seed]),
        ScreenPaths(Path(given.wells).parent),
        seed,
        EmbedOptions.from_config(params.options | how | {"gpus": gpus, "threads": snakemake.threads}),
        Path(given.encoder).parent if given.get("encoder") else None,
        **params.sample,
        accept_noncommercial=params.get("accept", False),
    )
    print(counts)
    tables.write(frame, "embeddings", snakemake.output.embeddings)
    write_json(counts, snakemake.output.counts)
