"""What a study's points say together: means, paired differences between rows, and claims put to the test."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from cwamsn.errors import InputError


class Metric(NamedTuple):
    """Where a number stands in a study's scores, how it is printed, and whether more of it is wanted."""

    benchmark: str
    metric: str
    source: str | None
    title: str
    higher_is_better: bool = True


METRICS = {
    "recall": Metric("gene_gene", "recall", "joint", "gene-gene recall, all sources"),
    **{
        f"recall_{name}": Metric("gene_gene", "recall", name, f"gene-gene recall, {name}")
        for name in ("CORUM", "HuMAP", "Reactome", "SIGNOR", "StringDB")
    },
    "ap": Metric("compound_gene", "average_precision", "max", "compound-gene AP at max"),
    "auc": Metric("compound_gene", "auc_roc", "max", "compound-gene AUC at max"),
    "plate_linear": Metric("plate_probe", "linear_macro_f1", "negative controls", "plate F1, linear", False),
    "plate_knn": Metric("plate_probe", "knn_macro_f1", "negative controls", "plate F1, kNN", False),
    "phenotype": Metric("latent", "phenotype_r2", None, "phenotype read (R²)"),
    "nuisance": Metric("latent", "nuisance_r2", None, "nuisance read (R²)", False),
    "heldout": Metric("replicates", "heldout_map", "unseen compounds", "retrieval of unseen compounds (mAP)"),
}
RELATIONS = {"above": 1.0, "below": -1.0}


def values_of(scores: pd.DataFrame, metric: str) -> pd.DataFrame:
    """One metric of the study's scores: index (point, screen_seed), one column a row. NaN where a row lacks it."""
    if metric not in METRICS:
        raise InputError(f"study: metric {metric!r} is not known; known: {', '.join(METRICS)}")
    chosen = METRICS[metric]
    some = (scores["benchmark"] == chosen.benchmark) & (scores["metric"] == chosen.metric)
    some &= scores["source"].isna() if chosen.source is None else scores["source"] == chosen.source
    return scores[some].pivot(index=["point", "screen_seed"], columns="method", values="value")


def summary(scores: pd.DataFrame) -> pd.DataFrame:
    """Mean, standard deviation (ddof 1) and number of pairs of screens: one line a point, row and metric."""
    tables = []
    for name in METRICS:
        found = values_of(scores, name)
        if found.empty:
            continue
        long = found.melt(ignore_index=False, var_name="method").dropna().reset_index()
        grouped = long.groupby(["point", "method"], sort=False)["value"]
        table = grouped.agg(mean="mean", std="std", screens="size").reset_index()
        tables.append(table.assign(metric=name))
    return pd.concat(tables, ignore_index=True)[["point", "method", "metric", "mean", "std", "screens"]]


def paired(first: np.ndarray, second: np.ndarray, level: float = 0.95) -> dict[str, float]:
    """Mean of `first` - `second` (n,), paired by screens, with its standard error and Student's t interval.

    With one pair of screens there is no error and no interval (NaN).
    """
    difference = np.asarray(first, float) - np.asarray(second, float)
    difference = difference[~np.isnan(difference)]
    n = len(difference)
    error = float(difference.std(ddof=1) / np.sqrt(n)) if n > 1 else float("nan")
    reach = error * stats.t.ppf((1 + level) / 2, n - 1) if n > 1 else float("nan")
    mean = float(difference.mean()) if n else float("nan")
    return {"difference": mean, "error": error, "ci_low": mean - reach, "ci_high": mean + reach, "screens": n}


def differences(scores: pd.DataFrame, first: str, level: float = 0.95) -> pd.DataFrame:
    """:func:`paired` of the row `first` less every other row, for each point and metric."""
    rows = []
    for name in METRICS:
        for point, table in values_of(scores, name).groupby("point", sort=False):
            for other in [c for c in table.columns if c != first and first in table.columns]:
                found = paired(table[first].to_numpy(), table[other].to_numpy(), level)
                if found["screens"]:
                    rows.append({"point": point, "metric": name, "first": first, "second": other, **found})
    columns = ["point", "metric", "first", "second", "difference", "error", "ci_low", "ci_high", "screens"]
    return pd.DataFrame(rows, columns=columns)


def tested_claims(scores: pd.DataFrame, claims: Sequence[Sequence[str]], level: float = 0.95) -> pd.DataFrame:
    """Each claim (row, `above` or `below`, row, metric) at each point: the paired difference and a verdict.

    `holds`: the whole interval lies on the claimed side of 0; `reversed`: on the other side; `not shown`: it holds
    0, or there are fewer than two pairs of screens.
    """
    rows = []
    for first, relation, second, name in claims:
        if relation not in RELATIONS:
            raise InputError(f"study.claims: {relation!r} is no relation; write {' or '.join(RELATIONS)}")
        table = values_of(scores, name)
        for row in (first, second):
            if row not in table.columns:
                raise InputError(f"study.claims: row {row!r} has no {name}; add it to rows, or leave the claim out")
        for point, part in table.groupby("point", sort=False):
            found = paired(part[first].to_numpy(), part[second].to_numpy(), level)
            rows.append(
                {"point": point, "first": first, "relation": relation, "second": second, "metric": name, **found}
                | {"verdict": _verdict(found, RELATIONS[relation])}
            )
    return pd.DataFrame(rows)


def _verdict(found: dict[str, float], sign: float) -> str:
    low, high = sorted((sign * found["ci_low"], sign * found["ci_high"]))
    if low > 0:
        return "holds"
    return "reversed" if high < 0 else "not shown"


def best_trials(scores: pd.DataFrame, groups: dict[str, Sequence[str]]) -> pd.DataFrame:
    """Of each group of trials the mean retrieval of unseen compounds, best first.

    Columns: group, method, mean, screens, best.
    """
    table = values_of(scores, "heldout")
    rows = []
    for group, members in groups.items():
        unknown = [m for m in members if m not in table.columns]
        if unknown:
            raise InputError(f"study.tuned.{group}: row {unknown[0]!r} is not among the study's rows; add it to rows")
        means = table[list(members)].mean().sort_values(ascending=False, kind="stable")
        for rank, (method, value) in enumerate(means.items()):
            rows.append({"group": group, "method": method, "mean": value, "screens": len(table), "best": rank == 0})
    return pd.DataFrame(rows, columns=["group", "method", "mean", "screens", "best"])
