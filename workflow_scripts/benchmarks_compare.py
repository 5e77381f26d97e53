"""Differences between methods, on the same resamples of genes and compounds."""

from _job import job, snakemake

with job(snakemake):
    from cwamsn.benchmarks import comparison
    from cwamsn.benchmarks.bootstrap import BootstrapOptions
    from cwamsn.benchmarks.compound_gene import CompoundGeneOptions, load_truth
    from cwamsn.benchmarks.gene_gene import GeneGeneOptions
    from cwamsn.tables import read

    given, params = snakemake.input, snakemake.params
    options = comparison.ComparisonOptions(
        gene_gene=GeneGeneOptions.from_config(params.gene_gene),
        compound_gene=CompoundGeneOptions.from_config(params.compound_gene),
        bootstrap=BootstrapOptions.from_config(params.bootstrap),
    )
    maps = read("map", given.first), read("map", given.second)
    truth = load_truth(given.truth, read("wells", given.wells)) if given.get("truth") else None
    result = comparison.score(maps, snakemake.wildcards.other, options, truth=truth, doses=params.concentrations)
    result.write(snakemake.output.scores, **params.fixed)
