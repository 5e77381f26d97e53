"""What a study's points say together: means, paired differences between methods, and claims put to the test."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from cwamsn.errors import InputError
from cwamsn.vocabulary import SOURCES


class Metric(NamedTuple):
    """A number of the study's scores: its title in tables and plots, and the values of columns that choose it."""

    title: str
    where: Mapping[str, str]


def _recall(source: str, title: str) -> Metric:
    return Metric(f"gene-gene recall, {title}", {"benchmark": "gene_gene", "metric": "recall", "source": source})


def _compound(metric: str, title: str) -> Metric:
    where = {"benchmark": "compound_gene", "metric": f"{metric}_mean", "concentration": "max"}
    return Metric(f"compound-gene {title} at max", where)


METRICS = {
    "recall": _recall("joint", "all sources"),
    **{f"recall_{source}": _recall(source, source) for source in SOURCES},
    "ap": _compound("average_precision", "AP"),
    "auc": _compound("auc_roc", "AUC"),
    "plate_linear": Metric("plate F1, linear", {"benchmark": "plate_probe", "metric": "linear_macro_f1_mean"}),
    "plate_knn": Metric("plate F1, kNN", {"benchmark": "plate_probe", "metric": "knn_macro_f1_mean"}),
    "phenotype": Metric("phenotype read (R²)", {"benchmark": "latent_probe", "metric": "phenotype_r2"}),
    "nuisance": Metric("nuisance read (R²)", {"benchmark": "latent_probe", "metric": "nuisance_r2"}),
    "heldout": Metric("retrieval of unseen compounds (mAP)", {"benchmark": "replicate_map", "metric": "heldout_map"}),
}
RELATIONS = {"above": 1.0, "below": -1.0}


def values_of(scores: pd.DataFrame, metric: str) -> pd.DataFrame:
    """One metric of the study's scores: index (point, screen_seed), one column per method. NaN where a method lacks it.

    Of several nulls and thresholds the first counts.
    """
    if metric not in METRICS:
        raise InputError(f"study: metric {metric!r} is not known; known: {', '.join(METRICS)}")
    chosen = chosen_scores(scores, METRICS[metric].where)
    return chosen.pivot(index=["point", "screen_seed"], columns="method", values="value")


def chosen_scores(scores: pd.DataFrame, where: Mapping[str, str]) -> pd.DataFrame:
    """Rows of the study's scores that have the values of `where`, of the first null and threshold among them."""
    for column, value in where.items():
        scores = scores[scores[column] == value] if column in scores else scores[:0]
    for column in ("null", "threshold_low"):
        if column in scores and scores[column].notna().any():
            scores = scores[scores[column] == scores[column].dropna().iloc[0]]
    return scores


def summary(scores: pd.DataFrame) -> pd.DataFrame:
    """Mean, standard deviation (ddof 1) and number of pairs of screens: one row per point, method and metric."""
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
    """:func:`paired` of the method `first` less every other one, for each point and metric."""
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
    """Each claim (method, `above` or `below`, method, metric) at each point: the paired difference and a verdict.

    `holds`: the whole interval lies on the claimed side of 0; `reversed`: on the other side; `not shown`: it includes
    0, or there are fewer than two pairs of screens.

    Raises InputError for an unknown relation or metric, and for a method that lacks the metric.
    """
    rows = []
    for first, relation, second, name in claims:
        if relation not in RELATIONS:
            raise InputError(f"study.claims: {relation!r} is not a relation; write {' or '.join(RELATIONS)}")
        table = values_of(scores, name)
        for method in (first, second):
            if method not in table.columns:
                raise InputError(f"study.claims: method {method!r} has no {name}; add it, or leave the claim out")
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


def best_trials(scores: pd.DataFrame, groups: Mapping[str, Sequence[str]]) -> pd.DataFrame:
    """Of each group of trials the mean retrieval of unseen compounds, best first.

    Columns: group, method, mean, screens, best.
    """
    table = values_of(scores, "heldout")
    rows = []
    for group, members in groups.items():
        unknown = [m for m in members if m not in table.columns]
        if unknown:
            raise InputError(f"study.tuned.{group}: method {unknown[0]!r} is not among the study's methods; add it")
        means = table[list(members)].mean().sort_values(ascending=False, kind="stable")
        for rank, (method, value) in enumerate(means.items()):
            rows.append({"group": group, "method": method, "mean": value, "screens": len(table), "best": rank == 0})
    return pd.DataFrame(rows, columns=["group", "method", "mean", "screens", "best"])
