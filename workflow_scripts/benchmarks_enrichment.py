"""Enrichment of mechanisms and pathways among the nearest profiles of aligned wells."""

from _job import job, snakemake

with job(snakemake):
    from cwamsn.alignment import AlignOptions, align
    from cwamsn.benchmarks.bootstrap import BootstrapOptions
    from cwamsn.benchmarks.enrichment import EnrichmentOptions, score
    from cwamsn.benchmarks.gene_gene import GeneGeneOptions
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
    result = score(
        *with_enough_cells(aligned, wells, all_wells, minimum),
        EnrichmentOptions.from_config({**params.options, "labels": given.get("labels")}),
        BootstrapOptions.from_config(params.bootstrap),
        gene_gene=GeneGeneOptions.from_config(params.gene_gene),
        in_sample=in_sample,
    )
    result = result.beside(minimum_scores(all_wells, minimum))
    result.write(snakemake.output.scores, snakemake.output.table, **params.fixed)
