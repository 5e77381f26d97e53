"""Table 8: the plate predicted from embeddings."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pandas as pd

from cwamsn.products import Product
from cwamsn.reporting import published
from cwamsn.reporting.context import TableContext, TableMethod
from cwamsn.reporting.rows import PublishedRows, measured, measured_rows
from cwamsn.reporting.scores import mean_and_std, recalls, select
from cwamsn.reporting.table import Cell, Column, Table, mark

PROBES = {"linear": "Linear", "knn": "kNN"}
CONTROLS = {"full": "all wells", "none": "no controls"}
LABELS = {"plate": "", "experiment_plate": " (experiment, plate)"}
PERCENT = 100.0
RECALL = Column("recall", "mean recall", 3, "high", "Biology:")


@dataclass(frozen=True)
class Probe:
    """One column: a classifier, the wells it sees, and what it takes for the plate."""

    classifier: str
    controls: str
    label: str

    @property
    def column(self) -> Column:
        """Its column, of macro-F1 in per cent."""
        controls = "full" if self.controls == "full" else "no_controls"
        key = f"{self.classifier}_{controls}" + (f"_{self.label}" if self.label != "plate" else "")
        return Column(key, CONTROLS[self.controls], 2, "low", f"{PROBES[self.classifier]}{LABELS[self.label]},")

    def cell(self, scores: pd.DataFrame, beside: Cell) -> Cell:
        """Mean over seeds, and the standard deviation over folds as the benchmark gives it, mean over seeds."""
        own = select(scores, controls=self.controls, plate_reading=self.label)
        mean, std = (select(own, metric=f"{self.classifier}_macro_f1_{part}")["value"] for part in ("mean", "std"))
        return replace(measured(mean, beside, PERCENT), std=mean_and_std(std * PERCENT)[0])


def plate_probe_table(
    product: Product, methods: Sequence[TableMethod], scores: pd.DataFrame, context: TableContext
) -> Table:
    """How well the plate can be predicted from an embedding, with the biological score beside it."""
    found = select(scores, benchmark="plate_probe", source="random folds", alignment="none")
    labels = ["plate", *(name for name in LABELS if name != "plate" and name in set(found["plate_reading"]))]
    probes = [Probe(p, c, label) for label in labels for p in PROBES for c in CONTROLS]
    columns = [*(probe.column for probe in probes), RECALL]
    biology = recalls(scores, context.selection)
    from_paper = PublishedRows(8, context, _published)

    def cells(method: TableMethod, own: pd.DataFrame) -> dict[str, Cell]:
        beside = from_paper.beside(method)
        recall = biology[biology["method"] == method.name].groupby("seed")["value"].mean()
        biological = {RECALL.key: measured(recall)} if len(recall) else {}
        return {p.column.key: p.cell(own, beside(p.column.key)) for p in probes} | biological

    rows = measured_rows(methods, found, "plate_probe", cells)
    for column in columns:
        mark(rows, column)
    rows += from_paper.others(columns)
    notes = context.closing_notes(
        "Macro-F1 in per cent of embeddings before alignment, cross-validated; ± of a probe is over folds.",
        "A low score alone proves nothing: a collapsed embedding also scores low. Read it with the biological score, "
        "the mean gene-gene recall over sources.",
        published=[
            "The paper does not say whether its plate is the plate column, beside which it is shown here, or the "
            "plate of an experiment."
        ],
    )
    return Table(product.name, context.titled(product.title), columns, rows, notes)


def _published(name: str, key: str) -> Cell:
    return Cell(published=published.value(8, name, key), published_std=published.value(8, name, f"{key}_std"))
