"""The same features unaligned, aligned in several ways and through a learned head, side by side on every benchmark."""

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from cwamsn.exposure import without_mark
from cwamsn.products import Product
from cwamsn.reporting.context import TableContext, TableMethod
from cwamsn.reporting.further import further_rows, further_table, in_sample_column, in_sample_note
from cwamsn.reporting.scores import compound_gene, recalls, select, selected
from cwamsn.reporting.table import Column, Table
from cwamsn.vocabulary import LEVELS

FIRST = [
    Column("recall", "recall", 3, "high", "Gene-gene:"),
    Column("ap", "AP", 3, "high", "Compound-gene:"),
]
LAST = [
    Column("plate_linear", "linear", 3, "low", "Plate F1,"),
    Column("plate_knn", "kNN", 3, "low", "Plate F1,"),
    Column("phenotype", "phenotype", 3, "high", "R² of"),
    Column("nuisance", "nuisance", 3, "low", "R² of"),
]
KEYS = ["method", "seed", "key", "value"]


def alignments_table(
    product: Product, methods: Sequence[TableMethod], scores: pd.DataFrame, context: TableContext
) -> Table:
    """What each way to align the same features costs and gives: biology, replicates at levels, plate, truth."""
    retrieved, in_sample = _retrieval(scores, context)
    found = _joined([*_biology(scores, context), retrieved, _plate(scores), _truth(scores)])
    present = set(found["key"])
    levels = [Column(f"map_{name}", name, 3, "high", "Replicate mAP,") for name in LEVELS if f"map_{name}" in present]
    columns = [column for column in (*FIRST, *levels, *LAST) if column.key in present]
    rows = further_rows(methods, found, "benchmark", columns)
    first = [in_sample_column(rows, in_sample)] if len(retrieved) else []
    kind = _label(scores)
    notes = [
        "The methods of one table take the same features: as they are, aligned on the controls, or through a head that "
        "was learned from replicates (docs/heads.md).",
        "Recall: mean over sources of known pairs. AP: at the maximum concentration. Replicate mAP: replicates ranked "
        "among wells of other perturbations at levels of stringency."
        + (f" Plate F1: macro-F1 of the {kind}, all wells, before any alignment of the tables." if kind else "")
        + (" R²: read from the vectors, on perturbations not fitted on." if "phenotype" in present else ""),
        "Little nuisance or plate alone proves nothing: vectors that hold nothing hold none. Read it with the biology.",
        in_sample_note(in_sample),
    ]
    return further_table(product, [*first, *columns], rows, context, notes)


def _joined(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    known = [part for part in parts if len(part)]
    return pd.concat(known, ignore_index=True) if known else pd.DataFrame(columns=KEYS)


def _biology(scores: pd.DataFrame, context: TableContext) -> list[pd.DataFrame]:
    recall = recalls(scores, context.selection).groupby(["method", "seed"], as_index=False)["value"].mean()
    compounds = compound_gene(scores, context.selection)
    chosen = compounds[(compounds["concentration"] == "max") & (compounds["metric"] == "ap")]
    ap = chosen.rename(columns={"mean": "value"})
    return [recall.assign(key="recall")[KEYS], ap.assign(key="ap")[KEYS]]


def _retrieval(scores: pd.DataFrame, context: TableContext) -> tuple[pd.DataFrame, dict[str, str]]:
    found = selected(select(scores, benchmark="retrieval"), replace(context.selection, null=None))
    found = select(found, metric="mean_average_precision", null="perturbations")
    sources, seen = without_mark(found["source"])
    found = found.assign(key="map_" + sources)
    return found[KEYS], dict(zip(found["method"].astype(str), seen))


def _label(scores: pd.DataFrame) -> str:
    """What the probe takes for the plate; empty where there is no probe."""
    labels = set(select(scores, benchmark="plate_probe")["plate_reading"].dropna())
    return "plate of an experiment" if "experiment_plate" in labels else "plate" if labels else ""


def _plate(scores: pd.DataFrame) -> pd.DataFrame:
    found = select(scores, benchmark="plate_probe", source="random folds", alignment="none", controls="full")
    label = "experiment_plate" if "experiment_plate" in set(found["plate_reading"]) else "plate"
    found = select(found, plate_reading=label, metric=("linear_macro_f1_mean", "knn_macro_f1_mean"))
    return found.assign(key="plate_" + found["metric"].astype(str).str.split("_").str[0])[KEYS]


def _truth(scores: pd.DataFrame) -> pd.DataFrame:
    found = select(scores, benchmark="latent_probe", metric=("phenotype_r2", "nuisance_r2"))
    return found.assign(key=found["metric"].astype(str).str.split("_").str[0])[KEYS]
