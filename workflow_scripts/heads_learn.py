"""A head on the features of another method."""

from pathlib import Path

from _job import job, snakemake

with job(snakemake):
    import torch

    from cwamsn import tables
    from cwamsn.files import read_json
    from cwamsn.heads import HeadOptions, learn_on_screen

    given, params = snakemake.input, snakemake.params.learning
    torch.set_num_threads(snakemake.threads)
    options = HeadOptions.from_config(params["head"] | {"seed": int(snakemake.wildcards.seed)})
    trained = learn_on_screen(
        tables.read("field_embeddings" if params["fields"] else "embeddings", given.embeddings),
        Path(given.wells),
        tables.read("wells", given.wells),
        options,
        Path(snakemake.output.weights).parent,
        names=read_json(given.counts).get("columns"),
        method=params["features"],
        share=params["share"],
    )
    print(
        f"precision {trained.before:.3f} before, {trained.scaled:.3f} with each feature scaled, "
        f"{trained.after:.3f} after {trained.steps} steps"
    )
    print(trained.log.to_string(index=False))
