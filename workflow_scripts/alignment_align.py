"""Embeddings of wells to a map of perturbations."""

from _job import job, snakemake

with job(snakemake):
    from cwamsn import tables
    from cwamsn.alignment import AlignOptions, aggregate, align
    from cwamsn.cell_counts import with_cell_counts
    from cwamsn.embeddings import load_features
    from cwamsn.wells_by_count import MinimumCellsOptions, with_enough_cells

    given, options = snakemake.input, AlignOptions.from_config(snakemake.params.options)
    all_wells = with_cell_counts(tables.read("wells", given.wells), given.get("qc"), given.get("counts"))
    features, wells = load_features(given.embeddings, all_wells)
    aligned = align(features, wells, snakemake.params.method, options, threads=snakemake.threads)
    minimum = MinimumCellsOptions.from_config(snakemake.params.minimum_cells)
    aligned, wells = with_enough_cells(aligned, wells, all_wells, minimum)
    tables.write(aggregate(aligned, wells, options.pool, options.doses()), "map", snakemake.output.map)
