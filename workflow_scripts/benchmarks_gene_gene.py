"""Recall of known gene-gene relationships in one map."""

from _job import job, snakemake

with job(snakemake):
    from cwamsn.alignment import AlignOptions, align
    from cwamsn.benchmarks import gene_gene as gg
    from cwamsn.benchmarks.bootstrap import BootstrapOptions
    from cwamsn.benchmarks.shuffled import ShuffleOptions, beside, shuffled_names
    from cwamsn.cell_counts import with_cell_counts
    from cwamsn.embeddings import load_features
    from cwamsn.tables import read
    from cwamsn.wells_by_count import MinimumCellsOptions, minimum_scores, with_enough_cells

    given, params = snakemake.input, snakemake.params
    wells, aligned = None, None
    minimum = MinimumCellsOptions.from_config(params.minimum_cells)
    if given.get("wells"):
        wells = with_cell_counts(read("wells", given.wells), given.get("qc"), given.get("counts"))
    if given.get("embeddings"):
        features, embedded = load_features(given.embeddings, wells)
        how = AlignOptions.from_config(params.alignment)
        found = align(features, embedded, options=how, say=False)  # the rule of the map has noted it
        aligned = with_enough_cells(found, embedded, wells, minimum)
    options, bootstrap = gg.GeneGeneOptions.from_config(params.options), BootstrapOptions.from_config(params.bootstrap)
    result = beside(
        ShuffleOptions.from_config(params.shuffles),
        read("map", given.map),
        lambda named: gg.score(named, options, bootstrap, wells=wells, aligned=aligned),
        lambda named: gg.score(named, options, bootstrap),  # the rest comes from the wells
        by=shuffled_names,
    )
    if wells is not None:
        result = result.beside(minimum_scores(wells, minimum))
    result.write(snakemake.output.scores, snakemake.output.table, **params.fixed)
