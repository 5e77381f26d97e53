"""Enrichment of mechanisms and pathways among the nearest profiles of aligned wells."""

from _job import job, snakemake

with job(snakemake):
    from cwamsn.alignment import AlignOptions, align
    from cwamsn.benchmarks.bootstrap import BootstrapOptions
    from cwamsn.benchmarks.enrichment import EnrichmentOptions, score
    from cwamsn.benchmarks.gene_gene import GeneGeneOptions
    from cwamsn.embeddings import load_features
    from cwamsn.exposure import is_in_sample
    from cwamsn.tables import read

    given, params = snakemake.input, snakemake.params
    all_wells = read("wells", given.wells)
    features, wells = load_features(given.embeddings, all_wells)
    in_sample = is_in_sample(params.in_sample, given.get("training"), given.wells, all_wells)
    result = score(
        align(features, wells, options=AlignOptions.from_config(params.alignment)),
        wells,
        EnrichmentOptions.from_config(params.options),
        BootstrapOptions.from_config(params.bootstrap),
        gene_gene=GeneGeneOptions.from_config(params.gene_gene),
        in_sample=in_sample,
    )
    result.write(snakemake.output.scores, snakemake.output.table, **params.fixed)
