"""Features of another method through a head."""

from pathlib import Path

from _job import job, snakemake

with job(snakemake):
    from cwamsn import tables
    from cwamsn.files import read_json, write_json
    from cwamsn.heads import head_embeddings

    given, params = snakemake.input, snakemake.params
    frame, counts = head_embeddings(
        tables.read("embeddings", given.embeddings),
        Path(given.wells),
        tables.read("wells", given.wells),
        Path(given.head).parent,
        names=read_json(given.counts).get("columns"),
        scale=params.scale,
        max_missing_share=params.max_missing_share,
    )
    print(counts)
    tables.write(frame, "embeddings", snakemake.output.embeddings)
    write_json(counts, snakemake.output.counts)
