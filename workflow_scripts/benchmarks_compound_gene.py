"""Average precision and AUC of compounds against the knockouts of their targets, in one map."""

from _job import job, snakemake

with job(snakemake):
    from cwamsn.benchmarks import compound_gene as cg
    from cwamsn.benchmarks.scores import as_scores
    from cwamsn.files import atomic_path
    from cwamsn.tables import read, write

    section, fixed = snakemake.params.options, dict(snakemake.params.fixed)
    perturbation_map = read("map", snakemake.input.map)
    wells = read("wells", snakemake.input.wells)
    truth = cg.load_truth(snakemake.input.truth, wells)
    cg.say_missing(truth, perturbation_map)
    doses = snakemake.params.concentrations or cg.doses_of(perturbation_map)
    scores = cg.score_compounds(perturbation_map, truth, section["draws"], section["negatives"], doses)
    table = cg.compound_gene_table(scores)
    with atomic_path(snakemake.output.table) as path:
        table.to_parquet(path, index=False)
    parts = [cg.draws_as_scores(table), cg.summary(scores, **snakemake.params.bootstrap), cg.counts(scores.truth)]
    if snakemake.input.get("training_wells"):
        seen = cg.seen_compounds(wells, read("wells", snakemake.input.training_wells))
        parts.append(cg.unseen_summary(scores, seen, **snakemake.params.bootstrap))
    write(as_scores(parts, **fixed), "scores", snakemake.output.scores)
