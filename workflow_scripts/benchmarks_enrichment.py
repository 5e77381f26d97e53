"""Enrichment of mechanisms and pathways among the nearest profiles of aligned wells."""

from dataclasses import replace

from _job import job, snakemake

with job(snakemake):
    from cwamsn.alignment import AlignOptions, align
    from cwamsn.benchmarks.bootstrap import BootstrapOptions
    from cwamsn.benchmarks.enrichment import EnrichmentOptions, score
    from cwamsn.benchmarks.gene_gene import GeneGeneOptions
    from cwamsn.benchmarks.shuffled import ShuffleOptions, beside
    from cwamsn.cell_counts import with_cell_counts
    from cwamsn.embeddings import load_features
    from cwamsn.exposure import is_in_sample
    from cwamsn.tables import read
    from cwamsn.wells_by_count import MinimumCellsOptions, minimum_scores, with_enough_cells

    given, params = snakemake.input, snakemake.params
    all_wells = with_cell_counts(read("wells", given.wells), given.get("qc"), given.get("counts"))
    features, wells = load_features(given.embeddings, all_wells)
    in_sample = is_in_sample(params.in_sample, given.get("training"), given.wells, all_wells)
    aligned = align(features, wells, options=AlignOptions.from_config(params.alignment))
    minimum = MinimumCellsOptions.from_config(params.minimum_cells)
    aligned, wells = with_enough_cells(aligned, wells, all_wells, minimum)
    options = EnrichmentOptions.from_config({**params.options, "labels": given.get("labels")})
    options = replace(options, threads=snakemake.threads)
    bootstrap = BootstrapOptions.from_config(params.bootstrap)
    genes, shuffles = GeneGeneOptions.from_config(params.gene_gene), ShuffleOptions.from_config(params.shuffles)
    result = beside(
        shuffles, wells, lambda w: score(aligned, w, options, bootstrap, gene_gene=genes, in_sample=in_sample)
    )
    result = result.beside(minimum_scores(all_wells, minimum))
    result.write(snakemake.output.scores, snakemake.output.table, **params.fixed)
