"""Tables that the paper does not have: of the benchmarks `replicate_map`, `signal` and `latent_probe`."""

from collections.abc import Mapping, Sequence

import pandas as pd

from cwamsn.exposure import without_mark
from cwamsn.products import Product
from cwamsn.reporting.context import MARKS, SPREAD, TableContext, TableMethod
from cwamsn.reporting.rows import counts, measured, measured_rows
from cwamsn.reporting.scores import select, selected
from cwamsn.reporting.table import Cell, Column, Row, Table, mark

RETRIEVED = {"replicates": "Replicates,", "targets": "Shared targets,"}
RETRIEVAL = {
    "mean_average_precision": "mAP",
    "mean_normalized_average_precision": "normalised mAP",
    "share_retrieved": "share retrieved",
}


def further_rows(
    methods: Sequence[TableMethod], found: pd.DataFrame, benchmark: str, columns: Sequence[Column]
) -> list[Row]:
    """One row per method, its cells from `found` (`method, seed, key, value`), marked column by column."""
    rows = measured_rows(
        methods, found, benchmark, lambda _, own: {c.key: measured(own[own["key"] == c.key]["value"]) for c in columns}
    )
    for column in columns:
        mark(rows, column)
    return rows


def further_table(
    product: Product, columns: Sequence[Column], rows: list[Row], context: TableContext, notes: Sequence[str]
) -> Table:
    marks = MARKS if any(column.better for column in columns) else ""
    closing = [note for note in (*notes, marks, SPREAD, *context.versions) if note]
    return Table(product.name, context.titled(product.title), list(columns), rows, closing)


def in_sample_column(rows: Sequence[Row], in_sample: Mapping[str, str]) -> Column:
    """Fill in whether each method was trained on the wells it is scored on, and return the column.

    in_sample : `yes`, `no` or `unknown` by method, as :func:`cwamsn.exposure.without_mark` tells them.
    """
    for row in rows:
        row.cells["in_sample"] = Cell(in_sample.get(row.name, "no") if row.seeds else None)
    return Column("in_sample", "In-sample", text=True)


def in_sample_note(in_sample: Mapping[str, str]) -> str:
    """What a method that was trained on its wells says nothing about; empty where there is none."""
    answers = set(in_sample.values())
    seen = (
        "In-sample: the method was trained on the wells that it is scored on, so its numbers say nothing about "
        "perturbations it has not seen."
    )
    unknown = (
        "Unknown: nobody has said whether it was trained on them; set sees_evaluation_screen in the method's entry."
    )
    return " ".join(text for answer, text in (("yes", seen), ("unknown", unknown)) if answer in answers)


def replicates_table(
    product: Product, methods: Sequence[TableMethod], scores: pd.DataFrame, context: TableContext
) -> Table:
    """Mean average precision of replicate retrieval, and of compounds that share a target where targets are known."""
    found = selected(select(scores, benchmark="replicate_map", metric=tuple(RETRIEVAL)), context.selection)
    sources, seen = without_mark(found["source"])
    found = found.assign(source=sources)
    found = found.assign(key=found["source"] + "_" + found["metric"])
    columns = [
        Column(f"{source}_{metric}", text, 3, "high", heading)
        for source, heading in RETRIEVED.items()
        if source == "replicates" or source in set(found["source"])
        for metric, text in RETRIEVAL.items()
    ]
    rows, in_sample = (
        further_rows(methods, found, "replicate_map", columns),
        dict(zip(found["method"].astype(str), seen)),
    )
    first = in_sample_column(rows, in_sample)
    sizes = counts(found, {"targets": "shared targets"})
    notes = [
        "Average precision of a perturbation's wells (same dose, aligned embeddings) ranked against negatives, mean "
        "over perturbations; normalised: 0 is a random ranking, 1 a perfect one. Share retrieved: corrected p below "
        "0.05.",
        f"Perturbations and targets: {sizes}." if sizes else "",
        in_sample_note(in_sample),
    ]
    return further_table(product, [first, *columns], rows, context, notes)


SIGNAL = {
    "consistency_median": ("consistency, median", None),
    "consistency_share": ("share consistent", "high"),
    "magnitude_median": ("magnitude, median", None),
    "magnitude_share": ("share off the controls", "high"),
}
TYPES = {"CRISPR": "Knockouts,", "COMPOUND": "Compounds,"}


def signal_table(
    product: Product, methods: Sequence[TableMethod], scores: pd.DataFrame, context: TableContext
) -> Table:
    """Consistency of a perturbation's wells and their distance from the controls, by type of perturbation."""
    found = selected(select(scores, benchmark="signal", metric=tuple(SIGNAL)), context.selection)
    found = found.assign(key=found["source"].astype(str) + "_" + found["metric"])
    columns = [
        Column(f"{kind}_{metric}", text, 3, better, heading)
        for kind, heading in TYPES.items()
        for metric, (text, better) in SIGNAL.items()
    ]
    columns = [c for c in columns if found.empty or c.key in set(found["key"])]  # few wells have no magnitude
    sizes = counts(found, {"CRISPR": "knockouts", "COMPOUND": "compounds"})
    notes = [
        "Consistency: mean cosine among a perturbation's aligned wells; magnitude: their energy distance to the "
        "negative controls. Medians depend on the number of dimensions and are not comparable between methods; "
        "the shares are (p below 0.05 against random sets of wells of the same size).",
        f"Perturbations: {sizes}." if sizes else "",
    ]
    return further_table(product, columns, further_rows(methods, found, "signal", columns), context, notes)


LATENT = [
    Column("phenotype_r2", "R² of the phenotype", 3, "high"),
    Column("nuisance_r2", "R² of the nuisance", 3, "low"),
]


def latent_table(
    product: Product, methods: Sequence[TableMethod], scores: pd.DataFrame, context: TableContext
) -> Table:
    """Shares of a simulated screen's phenotype and nuisance that can be read linearly from an embedding."""
    found = select(scores, benchmark="latent_probe")
    found = found.assign(key=found["metric"])
    notes = [
        "Share of variance that ridge regression predicts from embeddings before alignment, on perturbations it was "
        "not fitted on: 1 is all of it, 0 is what the mean predicts, below 0 the fit misleads.",
        "Little nuisance alone proves nothing: a collapsed embedding holds none. Read it with the phenotype.",
    ]
    return further_table(product, LATENT, further_rows(methods, found, "latent_probe", LATENT), context, notes)
