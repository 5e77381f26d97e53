"""Table 2: known compound-gene relationships."""

from collections.abc import Sequence

import pandas as pd

from cwamsn.products import Product
from cwamsn.reporting import published
from cwamsn.reporting.context import TableContext, TableMethod
from cwamsn.reporting.differences import difference_notes
from cwamsn.reporting.rows import PublishedRows, measured, measured_rows
from cwamsn.reporting.scores import compound_gene, ties
from cwamsn.reporting.table import Cell, Column, Row, Table, mark

# The published row Random holds random scores. They are a row of their own here; random vectors are another.
RANDOM_SCORES = "Random"
COLUMNS = [
    Column(f"{metric}_{part}", part if part != "z" else "z-score", digits, better, title)
    for metric, title in {"ap": "AP", "auc": "AUC-ROC"}.items()
    for part, digits, better in (("mean", 3, "high"), ("std", 3, None), ("z", 2, "high"))
]


def compound_gene_table(
    product: Product, methods: Sequence[TableMethod], scores: pd.DataFrame, context: TableContext
) -> Table:
    """Average precision and AUC at the maximum over doses, with z-scores against random scores."""
    found = compound_gene(scores, context.selection)
    found = found[found["concentration"] == "max"]
    from_paper = PublishedRows(2, context, lambda name, key: Cell(published=published.value_or_none(2, name, key)))

    def cells(method: TableMethod, own: pd.DataFrame) -> dict[str, Cell]:
        beside = from_paper.beside(method) if method.paper_row != RANDOM_SCORES else from_paper.named(None)
        return {c.key: measured(_of(own, c), beside(c.key)) for c in COLUMNS}

    rows, tied = measured_rows(methods, found, "compound_gene", cells), ties(scores, context.selection)
    for column in COLUMNS:
        mark(rows, column, tied)
    if len(found):
        beside = from_paper.named(RANDOM_SCORES if context.on_rxrx3_core else None)
        chance = {c.key: beside(c.key).with_value(_of_chance(found, c)) for c in COLUMNS}
        rows.append(Row("random-scores", "Random scores", chance, "Chance"))
    rows += from_paper.others(COLUMNS)
    notes = context.closing_notes(
        "Score of a pair: the largest absolute cosine over doses ('max'), not the 10 µM row.",
        "mean and std over draws of negatives; z = (mean − random mean) / √(std² + random std²).",
        *difference_notes(scores, methods, context, "ap_mean", "AP"),
        published=[
            "The published z-score 3.89 of OpenPhenom does not follow from its published mean and std, which give 3.48."
        ],
    )
    return Table(product.name, context.titled(product.title), COLUMNS, rows, notes)


def _of(found: pd.DataFrame, column: Column) -> pd.Series:
    """What a column holds of a frame of :func:`cwamsn.reporting.scores.compound_gene`."""
    metric, part = column.key.split("_")
    return found[found["metric"] == metric][part]


def _of_chance(found: pd.DataFrame, column: Column) -> float | None:
    metric, part = column.key.split("_")
    own = found[found["metric"] == metric]
    if own.empty:
        return None
    return 0.0 if part == "z" else float(own[f"baseline_{part}"].mean())
