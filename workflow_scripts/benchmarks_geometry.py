"""The geometry of embeddings, and their distances beside those of an untrained twin."""

from _job import job, snakemake

with job(snakemake):
    from cwamsn.alignment import AlignOptions
    from cwamsn.benchmarks.geometry import GeometryOptions, score
    from cwamsn.cell_counts import with_cell_counts
    from cwamsn.embeddings import load_features
    from cwamsn.tables import read

    given, params = snakemake.input, snakemake.params
    all_wells = with_cell_counts(read("wells", given.wells), given.get("qc"), given.get("counts"))
    features, wells = load_features(given.embeddings, all_wells)
    twin = read("embeddings", given.twin) if given.get("twin") else None
    options, alignment = GeometryOptions.from_config(params.options), AlignOptions.from_config(params.alignment)
    score(features, wells, options, alignment, twin=twin).write(snakemake.output.scores, **params.fixed)
