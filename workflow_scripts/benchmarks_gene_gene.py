"""Recall of known gene-gene relationships in one map."""

from _job import job, snakemake

with job(snakemake):
    from cwamsn.alignment import AlignOptions, align
    from cwamsn.benchmarks import gene_gene as gg
    from cwamsn.benchmarks.bootstrap import BootstrapOptions
    from cwamsn.embeddings import load_features
    from cwamsn.tables import read

    given, params = snakemake.input, snakemake.params
    wells = read("wells", given.wells) if given.get("wells") else None
    aligned = None
    if given.get("embeddings"):
        features, embedded = load_features(given.embeddings, wells)
        how = AlignOptions.from_config(params.alignment)
        aligned = align(features, embedded, options=how, say=False), embedded  # the rule of the map has noted it
    options, bootstrap = gg.GeneGeneOptions.from_config(params.options), BootstrapOptions.from_config(params.bootstrap)
    result = gg.score(read("map", given.map), options, bootstrap, wells=wells, aligned=aligned)
    result.write(snakemake.output.scores, snakemake.output.table, **params.fixed)
