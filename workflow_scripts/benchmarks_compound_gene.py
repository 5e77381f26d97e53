"""Average precision and AUC of compounds against the knockouts of their targets, in one map."""

from _job import job, snakemake

with job(snakemake):
    from cwamsn.benchmarks import compound_gene as cg
    from cwamsn.benchmarks.bootstrap import BootstrapOptions
    from cwamsn.tables import read

    given, params = snakemake.input, snakemake.params
    perturbation_map, wells = read("map", given.map), read("wells", given.wells)
    seen = cg.seen_compounds(wells, read("wells", given.training_wells)) if given.get("training_wells") else None
    result = cg.score(
        perturbation_map,
        cg.load_truth(given.truth, wells),
        cg.CompoundGeneOptions.from_config(params.options),
        BootstrapOptions.from_config(params.bootstrap),
        doses=params.concentrations,
        seen=seen,
    )
    result.write(snakemake.output.scores, snakemake.output.table, **params.fixed)
