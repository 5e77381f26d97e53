"""Table 9: recall and retrieval against the number of positive pairs that a method was trained on."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import pandas as pd

from cwamsn.exposure import without_mark
from cwamsn.products import Product
from cwamsn.reporting.context import MARKS, SPREAD, TIES, TableContext, TableMethod
from cwamsn.reporting.differences import difference_notes
from cwamsn.reporting.recall import LEADS, TITLES
from cwamsn.reporting.rows import counts, measured, measured_rows
from cwamsn.reporting.scores import JOINT, recalls, select, selected, ties
from cwamsn.reporting.table import Cell, Column, Row, Table, mark
from cwamsn.vocabulary import LEVELS, SOURCES

RETRIEVAL = {"recall_at_1": "Recall@1", "mean_average_precision": "mAP"}
HELD_OUT = "test"
"""Part of a split screen whose wells no training saw."""

SUPERVISED = (
    "Masked against purely supervised training with the same labels, wells and steps: CWA-MSN beside ViT-WSL "
    "(cross-entropy over the perturbations) and SupCon in table 1 of a run that holds them."
)


def pairs_table(product: Product, methods: Sequence[TableMethod], scores: pd.DataFrame, context: TableContext) -> Table:
    """Recall of known relationships and replicate retrieval beside what each training was made from."""
    related, (retrieved, held_out) = recalls(scores, context.selection), _retrieval(scores, context)
    related = related.assign(key=related["source"])
    sources = [source for source in SOURCES if source in set(related["source"])]
    lead = LEADS[product.lead].columns
    columns = [Column(name, TITLES.get(name, name), better="high", group="Recall,") for name in sources]
    columns += [
        Column(f"{level}_{metric}", text, 3, "high", f"Replicates {level},")
        for level in LEVELS
        for metric, text in RETRIEVAL.items()
        if f"{level}_{metric}" in set(retrieved["key"])
    ]
    parts = {"gene_gene": related, "retrieval": retrieved}
    rows = _rows(methods, {name: part for name, part in parts.items() if len(part)} or {"gene_gene": related})
    for row, method in zip(rows, methods, strict=True):
        row.cells |= {column.key: Cell(value(method, context)) for column, value in lead}
    tied = ties(scores, context.selection)
    for column in columns:
        mark(rows, column, tied)
    known = counts(related, TITLES)
    notes = [
        "Trained on: perturbations and wells that gave pairs, and pairs of wells that could be anchor and target (none "
        "where both are one well), of the first seed. Draws of a seed are nested.",
        f"Relationships in the map: {known}." if known else "",
        _about_retrieval(held_out) if len(retrieved) else "",
        *difference_notes(scores, methods, context, JOINT, "recall over all sources"),
        SUPERVISED,
        f"{MARKS} {TIES}",
        SPREAD,
        *context.versions,
    ]
    shown = [*(column for column, _ in lead), *columns]
    return Table(product.name, context.titled(product.title), shown, rows, [note for note in notes if note])


def _retrieval(scores: pd.DataFrame, context: TableContext) -> tuple[pd.DataFrame, bool]:
    """Retrieval against other perturbations, and whether of the wells that no training saw, where the screen has such.

    A training on fewer perturbations has not seen the others either: only the held-out part is the same for all.
    """
    found = selected(select(scores, benchmark="retrieval", null="perturbations"), replace(context.selection, null=None))
    source, _ = without_mark(found["source"])
    split = source.str.partition(", ").reindex(columns=[0, 2]).astype(str)
    held_out = bool((split[2] == HELD_OUT).any())
    keep = split[2] == (HELD_OUT if held_out else "")
    found = found.assign(key=split[0] + "_" + found["metric"].astype(str))
    return found[keep][["method", "seed", "key", "value", "n"]], held_out


def _about_retrieval(held_out: bool) -> str:
    wells = "wells of the test part, whose perturbations no training saw, are" if held_out else "every treated well is"
    return f"Replicates: {wells} the queries, other perturbations the distractors, as in the table `retrieval`."


def _rows(methods: Sequence[TableMethod], parts: Mapping[str, pd.DataFrame]) -> list[Row]:
    """One row per method with the cells and gaps of every benchmark's scores (`method, seed, key, value`)."""
    rows: list[Row] = []
    for benchmark, found in parts.items():
        own = measured_rows(methods, found, benchmark, _cells_of(found["key"].unique()))
        rows = own if not rows else [_joined(*both) for both in zip(rows, own, strict=True)]
    return rows


def _cells_of(keys: Sequence[str]) -> Callable[[TableMethod, pd.DataFrame], dict[str, Cell]]:
    return lambda _, own: {key: measured(own[own["key"] == key]["value"]) for key in keys}


def _joined(first: Row, second: Row) -> Row:
    return replace(
        first,
        cells=first.cells | second.cells,
        seeds=min(first.seeds, second.seeds),
        gaps=[*first.gaps, *second.gaps],
    )
