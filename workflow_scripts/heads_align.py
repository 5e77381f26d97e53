"""Features of another method, aligned on the controls."""

from _job import job, snakemake

with job(snakemake):
    from cwamsn import tables
    from cwamsn.alignment import AlignOptions, aligned_embeddings, keeps_features
    from cwamsn.cell_counts import with_cell_counts
    from cwamsn.files import read_json, write_json

    given, params = snakemake.input, snakemake.params
    wells = with_cell_counts(tables.read("wells", given.wells), given.get("qc"), given.get("cells"))
    others = tables.read("embeddings", given.others)["well_id"] if given.get("others") else None
    options = AlignOptions.from_config(params.options)
    frame = aligned_embeddings(
        tables.read("embeddings", given.embeddings),
        wells,
        params.alignment,
        options,
        threads=snakemake.threads,
        only=others,
    )
    below = read_json(given.counts)
    counts = {"wells": below.get("wells"), "rows": len(frame), "alignment": params.alignment}
    if below.get("columns") and keeps_features(params.alignment, options):
        counts["columns"] = below["columns"]
    print(counts)
    tables.write(frame, "embeddings", snakemake.output.embeddings)
    write_json(counts, snakemake.output.counts)
