"""Embeddings of wells to profiles, for other tools."""

from pathlib import Path

from _job import job, snakemake

with job(snakemake):
    from cwamsn import tables
    from cwamsn.alignment import AlignOptions
    from cwamsn.cell_counts import with_cell_counts
    from cwamsn.files import read_json
    from cwamsn.paths import counts_of
    from cwamsn.profiles import about_embedding, align_profiles, count_fields, well_profiles, write_folder

    given, options = snakemake.input, AlignOptions.from_config(snakemake.params.options)
    counts = read_json(counts_of(given.embeddings))
    found = well_profiles(
        tables.read("embeddings", given.embeddings),
        with_cell_counts(tables.read("wells", given.wells), given.get("qc"), given.get("counts")),
        names=counts.get("columns"),
        extra=count_fields(tables.read("crops", given.crops)) if given.get("crops") else None,
        about=about_embedding(snakemake.params.about, counts, given.wells, given.get("description"), given.get("file")),
    )
    for method in reversed(snakemake.params.alignments):  # the tables' comes first
        found = align_profiles(found, method, options, threads=snakemake.threads)
    write_folder(found, Path(snakemake.output.wells).parent, pool=options.pool, concentrations=options.doses())
