"""Differences between methods, on the same resamples of genes, compounds and groups of replicates."""

from collections.abc import Callable
from typing import Any

from _job import job, snakemake

with job(snakemake):
    import pandas as pd

    from cwamsn.alignment import AlignOptions, align
    from cwamsn.benchmarks import comparison
    from cwamsn.benchmarks.bootstrap import BootstrapOptions
    from cwamsn.benchmarks.compound_gene import CompoundGeneOptions, load_truth
    from cwamsn.benchmarks.gene_gene import GeneGeneOptions
    from cwamsn.embeddings import load_features
    from cwamsn.tables import read

    given, params = snakemake.input, snakemake.params
    options = comparison.ComparisonOptions(
        gene_gene=GeneGeneOptions.from_config(params.gene_gene),
        compound_gene=CompoundGeneOptions.from_config(params.compound_gene),
        bootstrap=BootstrapOptions.from_config(params.bootstrap),
    )

    def both(name: str, reader: Callable[[str], Any]) -> Any:
        # None where the two methods are not compared by it
        files = [given.get(f"{which}_{name}") for which in ("first", "second")]
        return tuple(map(reader, files)) if all(files) else None

    def aligned(path: str) -> comparison.Aligned:
        # the rule of the map has noted what there is to say
        features, embedded = load_features(path, wells)
        return align(features, embedded, options=AlignOptions.from_config(params.alignment), say=False), embedded

    wells = read("wells", given.wells) if given.get("wells") else None
    result = comparison.score(
        both("map", lambda path: read("map", path)),
        snakemake.wildcards.other,
        options,
        truth=load_truth(given.truth, wells) if given.get("truth") else None,
        doses=params.concentrations,
        of_wells=comparison.OfWells(
            aligned=both("embeddings", aligned),
            retrieval=both("retrieval", pd.read_parquet),
            enrichment=both("enrichment", pd.read_parquet),
        ),
    )
    result.write(snakemake.output.scores, **params.fixed)
