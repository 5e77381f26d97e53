"""The table of paired differences: how much one method scores above another, benchmark by benchmark and level by level.

One row per pair of methods and quantity, so that it reads on a narrow page and every interval stands beside its number.
"""

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from cwamsn.products import Product
from cwamsn.reporting.context import SPREAD, TableContext, TableMethod
from cwamsn.reporting.scores import JOINT, ScoreSelection, select, selected
from cwamsn.reporting.table import Cell, Column, Row, Table
from cwamsn.vocabulary import LEVELS, MATCHING_TASKS, SOURCES

COLUMNS = [
    Column("level", "Level", text=True),
    Column("difference", "Difference", 3),
    Column("ci_low", "from", 3, group="Interval,"),
    Column("ci_high", "to", 3, group="Interval,"),
    Column("verdict", "First method", text=True),
]
# Metric (less its suffix) -> what a reader calls it, in the order of rows. `_by_group` and its like are in the scores.
QUANTITIES = {
    "recall": "gene-gene recall",
    "recall_at_level": "gene-gene recall",
    "recall_right_tail": "gene-gene recall, right tail",
    "average_precision_mean": "compound-gene AP",
    "auc_roc_mean": "compound-gene AUC",
    "recall_at_1": "replicates, Recall@1",
    "mean_average_precision": "replicates, mAP",
    "share_significant": "enrichment, share significant",
    "geometric_mean_odds_ratio": "enrichment, odds ratio",
    "share_retrieved": "shared targets, share retrieved",
}


def differences_table(
    product: Product, methods: Sequence[TableMethod], scores: pd.DataFrame, context: TableContext
) -> Table:
    """Paired differences of the compared methods, with intervals and what they say."""
    titles, known = {m.name: m.title for m in methods}, {m.name: set(m.seeds) for m in methods}
    found = named_differences(scores, context.selection)
    found = found[found["method"].isin(titles) & found["other"].isin(titles)]
    rows = []
    for (first, second), pair in found.groupby(["method", "other"], sort=False):
        ordered = pair.sort_values(["rank", "place"], kind="stable")
        for (what, level), seeds in ordered.groupby(["what", "level"], sort=False):
            name = f"{first} minus {second}: {what}{f' {level}' if level else ''}"
            cells = _cells(seeds, level)
            absent = sorted((known[first] & known[second]) - set(seeds["seed"].astype(int)))
            gaps = [f"no difference of seed {seed} ({name})" for seed in absent]
            pair_title = f"{titles[first]} minus {titles[second]}"
            rows.append(Row(name, what, cells, pair_title, seeds=len(seeds), gaps=gaps))
    if not rows:
        gap = "no difference from another method (key comparisons)"
        rows = [Row(method.name, method.title, gaps=[gap]) for method in methods]
    there = set(found["level"].str.split(",").str[0])
    levels = [f"{name} {text}" for name, (_, text) in LEVELS.items() if name in there]
    notes = [
        "First method minus second, on the same wells and the same bootstrap resamples: of genes for recalls, of "
        "compounds clustered by target for AP and AUC, of perturbations for replicates, of compounds or genes for "
        "enrichment, of targets for shared targets. Above or below: the 95 % interval excludes 0 on that side, for "
        "every seed; an interval of several seeds is the mean of theirs. Nothing is corrected for the number of rows.",
        f"Levels: {'; '.join(levels)}." if levels else "",
        SPREAD,
        *context.versions,
    ]
    return Table(product.name, context.titled(product.title), COLUMNS, rows, [note for note in notes if note])


def named_differences(scores: pd.DataFrame, selection: ScoreSelection) -> pd.DataFrame:
    """The paired differences that a reader sees, one line per quantity, pair and seed.

    Returns
    -------
    pandas.DataFrame
        Scores of the benchmark `comparison` with `other`, what a reader calls the quantity (`what`), its `level` (""
        for none), and `rank` and `place`, by which rows are sorted.
    """
    found = selected(select(scores, benchmark="comparison"), replace(selection, null=None))
    split = found["metric"].astype(str).str.split("_minus_", n=1, expand=True).reindex(columns=[0, 1])
    found = found.assign(metric=split[0], other=split[1], source=found["source"].fillna("").astype(str))
    high = found["threshold_high"]
    kept = high.isna() | (abs(high - selection.threshold_high) < 1e-9)
    kept &= found["metric"].isin(QUANTITIES) & (found["concentration"].isna() | (found["concentration"] == "max"))
    found = found[kept].copy()
    found["what"] = found["metric"].map(QUANTITIES)
    genes = found["metric"].isin(["recall_at_level", "recall_right_tail"])
    enriched = found["metric"].isin(["share_significant", "geometric_mean_odds_ratio"])
    relation, level = (found["source"].str.split(" ", n=1).str[number] for number in (0, 1))
    found["level"] = level.where(
        genes | enriched | relation.isin(MATCHING_TASKS), found["source"].where(found["metric"] != "recall", "")
    )
    found["what"] = found["what"].mask(enriched, found["what"] + " of " + relation)
    matched = relation.isin(MATCHING_TASKS)
    precision = matched & (found["metric"] == "mean_average_precision")
    found["what"] = found["what"].mask(precision, "shared targets, mAP")
    found["what"] = found["what"].mask(matched, found["what"] + " of " + relation)
    found["what"] = found["what"].mask(found["null"] == "controls", found["what"] + " against controls")
    # the recall of the table of the paper stands once, among its own null; the scores hold every source
    plain = (found["metric"] == "recall") & (found["source"] == JOINT)
    level_ = genes & (relation == JOINT) & ~((found["metric"] == "recall_at_level") & (found["level"] == "NR"))
    databases = enriched & relation.isin(SOURCES)
    found = found[plain | level_ | (enriched & ~databases) | ~(genes | enriched | (found["metric"] == "recall"))]
    places = {name: number for number, name in enumerate(LEVELS)}
    return found.assign(
        rank=found["metric"].map(list(QUANTITIES).index) * 2 + (found["null"] == "controls") + 100 * matched,
        place=found["level"].str.split(",").str[0].map(places).fillna(-1),
    )


def _cells(seeds: pd.DataFrame, level: str) -> dict[str, Cell]:
    """Cells of one quantity: means over seeds, and a verdict where all seeds agree."""
    value, low, high = (seeds[column].astype(float) for column in ("value", "ci_low", "ci_high"))
    sign = int((low > 0).sum()) - int((high < 0).sum())
    verdict = {len(seeds): "above", -len(seeds): "below"}.get(sign, "not told apart")
    std = float(value.std(ddof=1)) if len(seeds) > 1 else None
    return {
        "level": Cell(level),
        "difference": Cell(float(value.mean()), std),
        "ci_low": Cell(float(low.mean())),
        "ci_high": Cell(float(high.mean())),
        "verdict": Cell(verdict),
    }
