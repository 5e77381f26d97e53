"""The geometry of embeddings, before and after alignment, beside their untrained twins."""

from collections.abc import Sequence

import pandas as pd

from cwamsn.products import Product
from cwamsn.reporting.context import SPREAD, TableContext, TableMethod
from cwamsn.reporting.further import further_rows
from cwamsn.reporting.scores import select
from cwamsn.reporting.table import Column, Table

METRICS = {
    "dimensions": ("dimensions", 0),
    "effective_rank": ("effective rank", 1),
    "participation_ratio": ("participation ratio", 1),
    "share_of_first_component": ("share of the first component", 3),
    "mean_cosine": ("mean cosine", 3),
    "twin_distance_correlation": ("distances like its untrained twin's", 3),
}


def geometry_table(
    product: Product, methods: Sequence[TableMethod], scores: pd.DataFrame, context: TableContext
) -> Table:
    """Effective rank, share of the first component, mean cosine, likeness to an untrained twin; nothing is ranked."""
    found = select(scores, benchmark="geometry")
    raw = found["alignment"].isna() | (found["alignment"] == "none")
    found = found.assign(key=raw.map({True: "raw_", False: "aligned_"}).astype(str) + found["metric"].astype(str))
    columns = [
        Column(f"{state}_{metric}", text, decimals, None, heading)
        for state, heading in (("raw", "As embedded,"), ("aligned", "Aligned,"))
        for metric, (text, decimals) in METRICS.items()
    ]
    columns = [column for column in columns if column.key in set(found["key"])]
    notes = [
        "Effective rank: exponential of the entropy of the singular values of the centred vectors; participation "
        "ratio: the same question of variances; both lie between 1 and the number of dimensions. Share of the first "
        "component: of the variance. Mean cosine: over all pairs of wells, not centred.",
        _about_twins(found),
        "None of these is good or bad by itself; read them beside the scores.",
    ]
    closing = [note for note in (*notes, SPREAD, *context.versions) if note]
    return Table(
        product.name,
        context.titled(product.title),
        columns,
        further_rows(methods, found, "geometry", columns),
        closing,
    )


def _about_twins(found: pd.DataFrame) -> str:
    own = select(found, metric="twin_distance_correlation")
    if own.empty:
        return ""
    low, high = (int(size) for size in (own["n"].min(), own["n"].max()))
    return (
        "Untrained twin: the same network before training. Spearman correlation of the distances of all pairs of "
        f"{low:,}{'' if low == high else f' to {high:,}'} wells: 1 where training has not changed which wells are "
        "close. Methods that are no network here have none."
    )
