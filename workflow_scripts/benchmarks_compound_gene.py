"""Average precision and AUC of compounds against the knockouts of their targets, in one map."""

from collections.abc import Collection

from _job import job, snakemake

with job(snakemake):
    from cwamsn.benchmarks import compound_gene as cg
    from cwamsn.benchmarks.bootstrap import BootstrapOptions
    from cwamsn.benchmarks.shuffled import ShuffleOptions, beside, shuffled_names
    from cwamsn.cell_counts import with_cell_counts
    from cwamsn.exposure import seen_perturbations
    from cwamsn.tables import read
    from cwamsn.wells_by_count import MinimumCellsOptions, minimum_scores

    given, params = snakemake.input, snakemake.params
    perturbation_map, wells = read("map", given.map), read("wells", given.wells)
    seen: Collection[str] | None = None
    if given.get("training_wells"):
        seen = cg.seen_compounds(wells, read("wells", given.training_wells))
    if given.get("training"):  # of an encoder that another run trained, or of a head
        found = seen_perturbations(given.training, given.wells, wells)
        seen = found if seen is None or found is None else {*seen, *found}
    truth, doses = cg.load_truth(given.truth, wells), params.concentrations
    options = cg.CompoundGeneOptions.from_config(params.options)
    bootstrap, shuffles = BootstrapOptions.from_config(params.bootstrap), ShuffleOptions.from_config(params.shuffles)
    result = beside(
        shuffles,
        perturbation_map,
        lambda named: cg.score(named, truth, options, bootstrap, doses=doses, seen=seen),
        by=shuffled_names,
    )
    all_wells = with_cell_counts(wells, given.get("qc"), given.get("counts"))
    result = result.beside(minimum_scores(all_wells, MinimumCellsOptions.from_config(params.minimum_cells)))
    result.write(snakemake.output.scores, snakemake.output.table, **params.fixed)
