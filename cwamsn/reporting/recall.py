"""Tables of gene-gene recall: numbers 1 and 3 to 7, which differ in the columns before the recalls."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pandas as pd

from cwamsn.products import Product
from cwamsn.reporting import published
from cwamsn.reporting.context import TableContext, TableMethod
from cwamsn.reporting.differences import difference_notes
from cwamsn.reporting.flops import CONVENTION, Views, ViT, anchor_forward, training_step, vit_forward
from cwamsn.reporting.rows import PublishedRows, counts, measured, measured_rows
from cwamsn.reporting.scores import JOINT, recalls, ties
from cwamsn.reporting.table import Cell, Column, Table, mark
from cwamsn.vocabulary import SOURCES

TITLES = {"HuMAP": "hu.MAP"}
ALIASES: dict[int | str, dict[str, str]] = {
    5: {"CWA-MSN": "1024"}
}  # table 5 names the method by its number of prototypes


Value = Callable[[TableMethod, TableContext], float | str | None]


@dataclass(frozen=True)
class Lead:
    """Columns before the recalls, and the notes that explain them."""

    columns: Sequence[tuple[Column, Value]] = ()
    """Each with the value of a method in it."""
    notes: Callable[[Sequence[TableMethod], TableContext], Sequence[str]] = lambda methods, context: ()
    on_published: Sequence[str] = ()
    """Notes where published numbers are shown."""


def recall_table(
    product: Product, methods: Sequence[TableMethod], scores: pd.DataFrame, context: TableContext
) -> Table:
    """Recall of known gene-gene relationships by source."""
    number, lead = product.number or product.name, LEADS[product.lead]
    found = recalls(scores, context.selection)
    sources = [s for s in SOURCES if s in set(found["source"]) or s in set(published.numbers(number)["source"])]
    columns = [*(column for column, _ in lead.columns), *(Column(s, TITLES.get(s, s), better="high") for s in sources)]

    def published_cell(name: str, key: str) -> Cell:
        if key in SOURCES:
            return Cell(published=published.value(number, name, "recall", key))
        return Cell(published=published.value_or_none(number, name, key))

    from_paper = PublishedRows(number, context, published_cell, ALIASES.get(number, {}))

    def cells(method: TableMethod, own: pd.DataFrame) -> dict[str, Cell]:
        beside = from_paper.beside(method)
        found = {c.key: beside(c.key).with_value(value(method, context)) for c, value in lead.columns}
        return found | {s: measured(own[own["source"] == s]["value"], beside(s)) for s in sources}

    rows, tied = measured_rows(methods, found, "gene_gene", cells), ties(scores, context.selection)
    for column in columns:
        mark(rows, column, tied)
    rows += from_paper.others(columns)
    low, high, related = context.selection.threshold_low, context.selection.threshold_high, counts(found, TITLES)
    notes = context.closing_notes(
        f"Share of known relationships among the {low:.0%} most dissimilar and {1 - high:.0%} most similar pairs; "
        f"chance is {low + 1 - high:.2f}.",
        f"Relationships in the map: {related}." if related else "",
        *difference_notes(scores, methods, context, JOINT, "recall over all sources"),
        *lead.notes(methods, context),
        published=lead.on_published,
    )
    return Table(product.name, context.titled(product.title), columns, rows, notes)


def short_number(value: float | None) -> str | None:
    """22000000 as 22M."""
    for size, letter in ((1e6, "M"), (1e3, "K")):
        if value is not None and value >= size:
            return f"{value / size:,.1f}".removesuffix(".0") + letter
    return None if value is None else f"{value:g}"


def _wells_of_each(method: TableMethod, context: TableContext) -> float | None:
    return method.wells / method.perturbations if method.wells and method.perturbations else None


def _training_devices(methods: Sequence[TableMethod], context: TableContext) -> list[str]:
    timed = [m for m in methods if m.name in context.training_hours]
    devices = sorted({m.device or "a device not recorded" for m in timed})
    return [f"Training time: wall-clock hours of the training job, on {', '.join(devices)}."] if devices else []


def _counted(methods: Sequence[TableMethod], context: TableContext) -> list[str]:
    """The convention, and the same counts at the sizes of the paper, whatever encoder was measured here."""
    vit, views = ViT(), Views()
    one, anchor, step = vit_forward(vit, 224), anchor_forward(vit, views), training_step(vit, views)
    return [
        f"Counted: {CONVENTION} Parameters of the encoder without projection head.",
        "By the same convention at the paper's sizes (ViT-S/16, 5 channels, 224 pixels; one masked and ten small "
        f"views): {one / 1e9:.3f} GFLOP for one image, {anchor / 1e9:.3f} for the anchor views forward, "
        f"{step / 1e9:.1f} for a training step per pair.",
    ]


LEADS = {
    "": Lead(),
    "sizes": Lead(
        [
            (Column("training_dataset", "Training data", text=True), lambda m, _: m.training_data),
            (Column("images", "Images", text=True), lambda m, _: short_number(m.images)),
            (Column("parameters", "Parameters", text=True), lambda m, _: short_number(m.parameters)),
        ]
    ),
    "pairs": Lead(
        [
            (Column("perturbations", "perturbations", 0, group="Trained on,"), lambda m, _: m.perturbations),
            (Column("wells_per_perturbation", "wells of each", 2, group="Trained on,"), _wells_of_each),
            (Column("well_pairs", "pairs of wells", 0, group="Trained on,"), lambda m, _: m.well_pairs),
            (Column("steps", "steps", 0, group="Trained on,"), lambda m, _: m.steps),
        ]
    ),
    "hours": Lead(
        [
            (
                Column("gpu_hours", "Training time (device hours)", 3, timed=True),
                lambda m, context: context.training_hours.get(m.name),
            )
        ],
        _training_devices,
        ["The published hours are those of an NVIDIA TITAN RTX; hours on different devices are not comparable."],
    ),
    "operations": Lead(
        [
            (Column("inference_gflops", "one image", 2, group="GFLOP,"), lambda m, _: m.inference_gflops),
            (Column("gflops", "anchor views forward", 2, group="GFLOP,"), lambda m, _: m.gflops),
            (Column("step_gflops", "training step per pair", 2, group="GFLOP,"), lambda m, _: m.step_gflops),
            (
                Column("parameters", "Parameters (M)", 2),
                lambda m, _: None if m.parameters is None else m.parameters / 1e6,
            ),
        ],
        _counted,
        [
            "The published GFLOP follow no single convention: 8.79 and 23.66 lie between a forward pass with and "
            "without the products of attention, 104.68 is below one, 339.17 counts multiply-adds; none includes a "
            "backward pass."
        ],
    ),
}
