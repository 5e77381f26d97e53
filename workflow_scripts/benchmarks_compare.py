"""Differences between rows, on the same resamples of genes and compounds."""

from _job import job, snakemake

with job(snakemake):
    from cwamsn.benchmarks import compound_gene as cg
    from cwamsn.benchmarks import gene_gene as gg
    from cwamsn.benchmarks.scores import as_scores
    from cwamsn.tables import read, write

    section, compounds = snakemake.params.gene_gene, snakemake.params.compound_gene
    bootstrap, names = snakemake.params.bootstrap, (snakemake.wildcards.model, snakemake.wildcards.other)
    maps = [read("map", path) for path in (snakemake.input.first, snakemake.input.second)]
    found = [gg.Similarities(one, section["null_rows"]) for one in maps]
    listed = (section["sources"], section["thresholds"])
    annotated = {"folder": section["annotations"], "aliases": section["aliases"]}
    parts = [gg.paired_difference(*found, *listed, **bootstrap, **annotated)]
    if snakemake.input.get("truth"):
        truth = cg.load_truth(snakemake.input.truth, read("wells", snakemake.input.wells))
        doses = snakemake.params.concentrations or cg.doses_of(maps[0])
        scores = [cg.score_compounds(one, truth, compounds["draws"], compounds["negatives"], doses) for one in maps]
        parts.append(cg.paired_difference(*scores, **bootstrap))
    parts = [part.assign(metric=part["metric"] + f"_minus_{names[1]}") for part in parts]
    fixed = dict(snakemake.params.fixed) | {"null": section["null_rows"]}
    write(as_scores(parts, **fixed), "scores", snakemake.output.scores)
