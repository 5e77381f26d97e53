"""Differences between methods, on the same resamples of genes, compounds and groups of replicates."""

from collections.abc import Callable
from typing import Any

from _job import job, snakemake

with job(snakemake):
    import pandas as pd

    from cwamsn.alignment import AlignOptions, align
    from cwamsn.benchmarks import comparison
    from cwamsn.benchmarks.compound_gene import load_truth
    from cwamsn.cell_counts import with_cell_counts
    from cwamsn.embeddings import load_features
    from cwamsn.tables import read
    from cwamsn.wells_by_count import MinimumCellsOptions, with_enough_cells

    given, params = snakemake.input, snakemake.params
    wells = None
    if given.get("wells"):
        wells = with_cell_counts(read("wells", given.wells), given.get("qc"), given.get("counts"))

    def both(name: str, reader: Callable[[str], Any]) -> Any:
        # None where the two methods are not compared by it
        files = [given.get(f"{which}_{name}") for which in ("first", "second")]
        return tuple(map(reader, files)) if all(files) else None

    def aligned(path: str) -> comparison.Aligned:
        features, own = load_features(path, wells)
        found = align(
            features, own, options=AlignOptions.from_config(params.alignment), say=False
        )  # the map's rule has
        return with_enough_cells(found, own, wells, MinimumCellsOptions.from_config(params.minimum_cells))

    tables = {name: both(name, pd.read_parquet) for name in ("retrieval", "enrichment", "matching")}
    result = comparison.score(
        both("map", lambda path: read("map", path)),
        snakemake.wildcards.other,
        comparison.ComparisonOptions.from_config(params.sections),
        truth=load_truth(given.truth, wells) if given.get("truth") else None,
        doses=params.concentrations,
        of_wells=comparison.OfWells(aligned=both("embeddings", aligned), **tables),
    )
    result.write(snakemake.output.scores, **params.fixed)
