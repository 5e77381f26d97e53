"""The tables of MorphoHELM computed again, beside the numbers that the preprint prints.

`published_morphohelm.csv` holds what Figures 1, 3, 4 and Appendix Figure 1 of arXiv 2605.15383 print for the profile
whose well tables are published: `printed` as printed (percent for replicates), `figure_data` with ten digits from the
repository's history (commit bfe0b2c). The panel of cpg-moa in Figure 1 carries the row labels of another panel:
`model` follows the authors' own list of labels, `printed_beside` the page.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import pandas as pd

from cwamsn.exposure import without_mark
from cwamsn.products import Product
from cwamsn.reporting.context import TableContext, TableMethod
from cwamsn.reporting.further import further_table, in_sample_column, in_sample_note
from cwamsn.reporting.rows import measured, measured_rows
from cwamsn.reporting.scores import select, selected
from cwamsn.reporting.table import Cell, Column, Row, Table, mark
from cwamsn.vocabulary import LEVELS

FILE = Path(__file__).with_name("published_morphohelm.csv")
REPLICATES = {
    ("recall_at_1", "perturbations"): "Recall@1, %",
    ("mean_average_precision", "perturbations"): "mAP, %",
    ("mean_average_precision", "controls"): "mAP against controls, %",
}
ENRICHED = {("share_significant", ""): "share significant", ("geometric_mean_odds_ratio", ""): "odds ratio"}
# What the published averages rest on: wells of Recall@1, compounds of the share significant (denominators, derived).
QUERIES = {"cpg-tgt2": 47_719, "cpg-compound": 157_462, "bbbc036": 1_074, "cpg-moa": 1_362}
_COUNTED = ("recall_at_1", "share_significant")
_LABELS = (
    "The printed page has the numbers of cpg-moa beside the row labels of another panel; here each has its model's."
)
NOT_COMPUTED = "Published, not computed here"


@cache
def numbers() -> pd.DataFrame:
    """Published numbers: `set, model, level, metric, distractors, printed, figure_data, page, figure`."""
    return pd.read_csv(FILE, dtype=str, keep_default_na=False)


def morphohelm_table(
    product: Product, methods: Sequence[TableMethod], scores: pd.DataFrame, context: TableContext
) -> Table:
    """Every number that the preprint prints of one set, as its own code computes it, and the difference."""
    found = selected(select(scores, benchmark="morphohelm"), replace(context.selection, null=None))
    source, seen = without_mark(found["source"])
    parts = [text.partition(" ") for text in source]
    found = found.assign(set=[part[0] for part in parts], level=[part[2] for part in parts])
    kinds = found["null"].fillna("").astype(str)
    found = found.assign(key=[f"{a}_{b}_{c}" for a, b, c in zip(found["level"], found["metric"], kinds)])
    name = "" if found.empty else str(found["set"].iloc[0])
    printed = numbers()[numbers()["set"] == name]
    texts = REPLICATES if name in ("cpg-tgt2", "cpg-compound") else ENRICHED
    scale = 100.0 if texts is REPLICATES else 1.0
    columns = [
        Column(
            f"{level}_{metric}_{kind}", text, 2 if texts is REPLICATES or "ratio" in metric else 3, "high", f"{level},"
        )
        for level in LEVELS
        for (metric, kind), text in texts.items()
        if f"{level}_{metric}_{kind}" in set(found["key"])
    ]

    def published(model: str | None) -> dict[str, str]:
        rows = printed[printed["model"] == model]
        return dict(zip(rows["level"] + "_" + rows["metric"] + "_" + rows["distractors"], rows["printed"]))

    def cells(method: TableMethod, own: pd.DataFrame) -> dict[str, Cell]:
        beside = published(method.paper_row)
        return {
            column.key: measured(own[own["key"] == column.key]["value"], Cell(published=beside.get(column.key)), scale)
            for column in columns
        }

    rows = measured_rows(methods, found, "morphohelm", cells)
    for column in columns:
        mark(rows, column)
    shown = {method.paper_row for method in methods}
    others = [model for model in dict.fromkeys(printed["model"]) if model not in shown]
    in_sample = dict(zip(found["method"].astype(str), seen))
    first = in_sample_column(rows, in_sample)
    rows += [_only_published(model, published(model), columns) for model in others]
    notes = [
        f"MorphoHELM's set {name}, scored as its code does (docs/benchmarks.md says where that is not the usual way). "
        "Italics: as the preprint prints it; in brackets computed minus printed."
        if name
        else "",
        _differences(found, printed, methods, scale),
        _counts(found, name),
        _chance(found),
        _LABELS if name == "cpg-moa" else "",
        in_sample_note(in_sample),
    ]
    table = further_table(product, [first, *columns], rows, context, notes)
    return replace(table, published_in="printed in the preprint")


def _only_published(model: str, texts: dict[str, str], columns: Sequence[Column]) -> Row:
    cells = {column.key: Cell(published=texts.get(column.key)) for column in columns}
    return Row(f"quoted:{model}", model, cells, NOT_COMPUTED, measured=False)


def _differences(found: pd.DataFrame, printed: pd.DataFrame, methods: Sequence[TableMethod], scale: float) -> str:
    """How far what is computed here is from the ten digits behind the figures."""
    if found.empty or printed.empty:
        return ""
    model = found["method"].astype(str).map({method.name: method.paper_row for method in methods})
    own = pd.DataFrame({"model": model, "key": found["key"], "value": found["value"].astype(float) * scale})
    known = pd.DataFrame(
        {
            "model": printed["model"],
            "key": printed["level"] + "_" + printed["metric"] + "_" + printed["distractors"],
            "figure": printed["figure_data"].astype(float),
        }
    )
    both = own.dropna(subset=["model"]).merge(known, on=["model", "key"])
    if both.empty:
        return ""
    gap = (both["value"] - both["figure"]).abs() / both["figure"].abs().clip(lower=1e-12)
    return (
        f"Of {len(both)} numbers {int((gap < 1e-6).sum())} are those of the preprint's figure data to six digits; the "
        f"largest difference is {100 * gap.max():.2g} %."
    )


def _counts(found: pd.DataFrame, name: str) -> str:
    """What the averages rest on, here and in the preprint."""
    own = found[found["metric"].isin(_COUNTED)].groupby("level", sort=False)["n"].agg(["min", "max"]).dropna()
    if own.empty:
        return ""
    texts = [
        f"{level} {int(row['min']):,}" + (f" to {int(row['max']):,}" if row["max"] > row["min"] else "")
        for level, row in own.iterrows()
        if level in LEVELS
    ]
    what = "Wells that are queries" if name in ("cpg-tgt2", "cpg-compound") else "Compounds (of genes: all databases)"
    derived = f"; behind the published numbers {QUERIES[name]:,}" if name in QUERIES else ""
    return f"{what}: {', '.join(texts)}{derived}."


def _chance(found: pd.DataFrame) -> str:
    """What a random ranking would have; an odds ratio of 1 is not it."""
    names = ("share_of_a_random_ranking", "odds_ratio_of_a_random_ranking")
    rows = found[found["metric"].isin(names) & found["level"].isin(LEVELS)]
    values = rows.groupby(["level", "metric"], sort=False)["value"].mean()
    share, ratio = names
    texts = [
        f"{level} {values[level, share]:.3f} and {values[level, ratio]:.2f}" for level in dict.fromkeys(rows["level"])
    ]
    return (
        f"A random ranking is expected to have, as share (exact test) and odds ratio: {', '.join(texts)}; .5 is added "
        "to all counts where one is 0, so that an odds ratio of 1 is not what chance gives."
        if texts
        else ""
    )
