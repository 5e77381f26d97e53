"""Retrieval of shared targets among the aligned wells of one method."""

from _job import job, snakemake

with job(snakemake):
    from cwamsn.alignment import AlignOptions, align
    from cwamsn.benchmarks import matching
    from cwamsn.benchmarks.bootstrap import BootstrapOptions
    from cwamsn.benchmarks.compound_gene import load_truth
    from cwamsn.benchmarks.shuffled import ShuffleOptions, beside
    from cwamsn.cell_counts import with_cell_counts
    from cwamsn.embeddings import load_features
    from cwamsn.exposure import is_in_sample
    from cwamsn.tables import read
    from cwamsn.wells_by_count import MinimumCellsOptions, minimum_scores, with_enough_cells

    given, params = snakemake.input, snakemake.params
    all_wells = with_cell_counts(read("wells", given.wells), given.get("qc"), given.get("counts"))
    features, wells = load_features(given.embeddings, all_wells)
    aligned = align(features, wells, options=AlignOptions.from_config(params.alignment))
    minimum = MinimumCellsOptions.from_config(params.minimum_cells)
    options = matching.MatchingOptions.from_config(params.options)
    truth = load_truth(given.truth, all_wells) if given.get("truth") else None
    targets, bootstrap = matching.targets_of(options, truth), BootstrapOptions.from_config(params.bootstrap)
    in_sample = is_in_sample(params.in_sample, given.get("training"), given.wells, all_wells)
    aligned, wells = with_enough_cells(aligned, wells, all_wells, minimum)
    result = beside(
        ShuffleOptions.from_config(params.shuffles),
        wells,
        lambda w: matching.score(aligned, w, options, bootstrap, targets=targets, in_sample=in_sample),
    )
    result = result.beside(minimum_scores(all_wells, minimum))
    result.write(snakemake.output.scores, snakemake.output.table, **params.fixed)
