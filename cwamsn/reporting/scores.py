"""Scores of a run, read from the files per method or from the gathered one, and reduced to what a table prints."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from cwamsn import tables
from cwamsn.vocabulary import SOURCES


@dataclass(frozen=True)
class ScoreSelection:
    """Which scores the tables print: the default alignment and null, one pair of recall thresholds."""

    alignment: str | None = None
    null: str | None = None
    threshold_low: float = 0.05
    threshold_high: float = 0.95


def read_scores(paths: Sequence[str | Path]) -> pd.DataFrame:
    """All scores of `paths` (files of contract `scores`), with every optional column, absent ones null."""
    contract = tables.CONTRACTS["scores"]
    types = {**contract.required, **contract.nullable, **contract.optional}
    # As objects: whether a column of one file is all null must not decide the type of the whole.
    frames = [tables.read("scores", path).astype(object).reindex(columns=list(types)) for path in paths]
    frame = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=list(types), dtype=object)
    reals = [column for column, kind in types.items() if kind == tables.REAL]
    return frame.astype({column: float for column in reals})


def select(scores: pd.DataFrame, **wanted: str | tuple[str, ...] | None) -> pd.DataFrame:
    """Scores whose columns equal `wanted`; None matches null, a tuple any of its members."""
    keep = pd.Series(True, index=scores.index)
    for column, value in wanted.items():
        if value is None:
            keep &= scores[column].isna()
        else:
            keep &= scores[column].isin(value if isinstance(value, tuple) else (value,))
    return scores[keep]


def selected(scores: pd.DataFrame, selection: ScoreSelection) -> pd.DataFrame:
    """Scores of the selected alignment and null; a score that names none passes (finished maps)."""
    keep = pd.Series(True, index=scores.index)
    for column in ("alignment", "null"):
        value = getattr(selection, column)
        if value is not None:
            keep &= scores[column].isna() | (scores[column] == value)
    return scores[keep]


def recalls(scores: pd.DataFrame, selection: ScoreSelection) -> pd.DataFrame:
    """Gene-gene recall: `method, seed, source, value, n` at the table's thresholds."""
    found = select(selected(scores, selection), benchmark="gene_gene", metric="recall", source=SOURCES)
    return found[at_thresholds(found, selection)][["method", "seed", "source", "value", "n"]]


def mean_and_std(values: pd.Series) -> tuple[float | None, float | None]:
    """Mean, and standard deviation over seeds (n - 1 in the denominator; None for a single seed)."""
    values = values.astype(float)
    if values.empty:
        return None, None
    return float(values.mean()), float(values.std(ddof=1)) if len(values) > 1 else None


METRICS = {"ap": "average_precision", "auc": "auc_roc"}


def compound_gene(scores: pd.DataFrame, selection: ScoreSelection) -> pd.DataFrame:
    """Compound-gene scores, one line per method, seed, concentration and metric (`ap`, `auc`).

    Returns
    -------
    pandas.DataFrame
        `method, seed, concentration, metric, mean, std, z, baseline_mean, baseline_std`: mean and standard deviation
        over draws of negatives of the method and of random scores, and z-score, as the benchmark gives them.
    """
    found = select(selected(scores, selection), benchmark="compound_gene")
    found = found[found["draw"].isna() & found["concentration"].notna()]
    names: dict[str, tuple[str, str]] = {}
    for metric, name in METRICS.items():
        names |= {f"{name}_{part}": (metric, part) for part in ("mean", "std", "z")}
        names |= {f"baseline_{name}_{part}": (metric, f"baseline_{part}") for part in ("mean", "std")}
    found = found[found["metric"].isin(names)]
    keys = ["method", "seed", "concentration", "metric"]
    parts = ["mean", "std", "z", "baseline_mean", "baseline_std"]
    if found.empty:
        return pd.DataFrame(columns=[*keys, *parts])
    part = found["metric"].map(lambda name: names[name][1])
    found = found.assign(metric=found["metric"].map(lambda name: names[name][0]), part=part)
    wide = found.pivot_table(index=keys, columns="part", values="value", aggfunc="mean")
    return wide.reindex(columns=parts).astype(float).reset_index().rename_axis(columns=None)


JOINT = "joint"  # the union of the sources


def compared(scores: pd.DataFrame, selection: ScoreSelection) -> pd.DataFrame:
    """Paired differences of two methods, one line per column of a table, pair and seed.

    Returns
    -------
    pandas.DataFrame
        `column, method, other, seed, value, ci_low, ci_high, sign`: `method` minus `other`, and 1 or -1 where the
        interval lies on that side of 0. Columns are the sources of the recall and their union `joint`, `ap_mean` and
        `auc_mean`.
    """
    found = selected(select(scores, benchmark="comparison"), selection)
    split = found["metric"].astype(str).str.split("_minus_", n=1, expand=True).reindex(columns=[0, 1])
    found = found.assign(metric=split[0], other=split[1])
    recall = (found["metric"] == "recall") & at_thresholds(found, selection)
    best = found["concentration"] == "max"
    columns = found["source"].where(recall)
    for metric, name in METRICS.items():
        columns = columns.mask(best & (found["metric"] == f"{name}_mean"), f"{metric}_mean")
    found = found.assign(column=columns, sign=(found["ci_low"] > 0).astype(int) - (found["ci_high"] < 0).astype(int))
    return found.dropna(subset=["column"])[
        ["column", "method", "other", "seed", "value", "ci_low", "ci_high", "sign"]
    ].reset_index(drop=True)


def ties(scores: pd.DataFrame, selection: ScoreSelection) -> set[tuple[str, frozenset[str]]]:
    """Pairs of methods that a column cannot tell apart: (column, the two methods), from paired bootstrap intervals.

    Two methods are tied in a column unless, for every seed, the interval of their difference excludes 0 on the same
    side. Methods that were not compared are not tied.
    """
    tied = set()
    for (column, one, other), part in compared(scores, selection).groupby(["column", "method", "other"]):
        if abs(part["sign"].sum()) < len(part):
            tied.add((column, frozenset((one, other))))
    return tied


def at_thresholds(frame: pd.DataFrame, selection: ScoreSelection) -> pd.Series:
    """Mask of the scores at the table's pair of thresholds."""
    low, high = (frame[c].astype(float) - getattr(selection, c) for c in ("threshold_low", "threshold_high"))
    return (low.abs() < 1e-9) & (high.abs() < 1e-9)
