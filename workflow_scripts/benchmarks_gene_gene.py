"""Recall of known gene-gene relationships in one map."""

from _job import job, snakemake

with job(snakemake):
    from cwamsn.alignment import AlignOptions, align
    from cwamsn.benchmarks import gene_gene as gg
    from cwamsn.benchmarks.scores import as_scores
    from cwamsn.benchmarks.split_half import split_half_by_guide, split_half_summary
    from cwamsn.embeddings import load_features
    from cwamsn.files import atomic_path
    from cwamsn.tables import read, write

    section, fixed = snakemake.params.options, dict(snakemake.params.fixed)
    names = (section["sources"], section["thresholds"])
    annotated = {"folder": section["annotations"], "aliases": section["aliases"]}
    perturbation_map = read("map", snakemake.input.map)
    parts = []
    for null in dict.fromkeys([section["null_rows"], *section["also_null_rows"]]):
        found = gg.Similarities(perturbation_map, null)
        table = gg.summary(found, *names, **snakemake.params.bootstrap, **annotated)
        parts.append(table.assign(null=null))
        if null == section["null_rows"]:
            own = gg.recall_table(found, *names, **annotated)
            rest = gg.gene_gene_recall(perturbation_map, *names, null, section["common_genes"], **annotated)
            parts.append(gg.as_metric(rest, "recall_without_common").assign(null=null))
    if snakemake.input.get("wells"):
        table = gg.experiment_recall(read("wells", snakemake.input.wells), *names, **annotated)
        parts.append(gg.as_metric(table, "recall_of_experiments").assign(null="crispr", alignment="none"))
    if snakemake.input.get("embeddings"):
        features, wells = load_features(snakemake.input.embeddings, read("wells", snakemake.input.wells))
        how = AlignOptions.from_config(snakemake.params.alignment)
        aligned = align(features, wells, options=how, say=False)  # the rule of the map has noted it
        halves = split_half_by_guide(aligned, wells, section["thresholds"], section["split_half_repeats"])
        parts.append(split_half_summary(halves))
    with atomic_path(snakemake.output.table) as path:
        own.to_parquet(path, index=False)
    write(as_scores(parts, **fixed), "scores", snakemake.output.scores)
