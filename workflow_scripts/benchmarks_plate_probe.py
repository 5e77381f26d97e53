"""Macro-F1 of technical labels predicted from the embeddings, before and after alignment."""

from _job import job, snakemake

with job(snakemake):
    from dataclasses import replace

    from cwamsn.alignment import AlignOptions
    from cwamsn.benchmarks.plate_probe import PlateProbeOptions, score
    from cwamsn.cell_counts import with_cell_counts
    from cwamsn.embeddings import load_features
    from cwamsn.tables import read
    from cwamsn.wells_by_count import MinimumCellsOptions, minimum_scores

    given, params = snakemake.input, snakemake.params
    options = replace(PlateProbeOptions.from_config(params.options), threads=snakemake.threads)
    all_wells = with_cell_counts(read("wells", given.wells), given.get("qc"), given.get("counts"))
    features, wells = load_features(given.embeddings, all_wells)
    minimum = MinimumCellsOptions.from_config(params.minimum_cells)
    alignment = AlignOptions.from_config(params.alignment)
    result = score(features, wells, options, alignment, all_wells=all_wells, minimum=minimum)
    result = result.beside(minimum_scores(all_wells, minimum))
    result.write(snakemake.output.scores, snakemake.output.table, **params.fixed)
