"""What a study's points say together: means, paired differences between methods, and claims put to the test.

Every pair of screens has training seeds of its own (:func:`cwamsn.studies.plan.training_seeds`), so a pair's mean over
them differs from another pair's by screens and by seeds, and Student's t over pairs of screens covers both. The two
spreads are reported apart as well.
"""

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
NO_WIDTH = 1e-9  # of an interval that only rounding has given one: differences that happen to be equal show nothing


def values_of(scores: pd.DataFrame, metric: str) -> pd.DataFrame:
    """One metric of the study's scores, as mean over training seeds: index (point, screen_seed), one column per method.

    NaN where a method lacks it. Of several nulls and thresholds the first counts.
    """
    return values_by_seed(scores, metric).groupby(["point", "screen_seed"]).mean()


def values_by_seed(scores: pd.DataFrame, metric: str) -> pd.DataFrame:
    """One metric of each training: index (point, screen_seed, seed), one column per method.

    A method without seeds has its value at seed 0 and NaN at those of the others.
    """
    if metric not in METRICS:
        raise InputError(f"study: metric {metric!r} is not known; known: {', '.join(METRICS)}")
    chosen = chosen_scores(scores, METRICS[metric].where)
    return chosen.pivot(index=["point", "screen_seed", "seed"], columns="method", values="value")


def chosen_scores(scores: pd.DataFrame, where: Mapping[str, str]) -> pd.DataFrame:
    """Rows of the study's scores that have the values of `where`, of the first null and threshold among them."""
    for column, value in where.items():
        scores = scores[scores[column] == value] if column in scores else scores[:0]
    for column in ("null", "threshold_low"):
        if column in scores and scores[column].notna().any():
            scores = scores[scores[column] == scores[column].dropna().iloc[0]]
    return scores


def summary(scores: pd.DataFrame) -> pd.DataFrame:
    """Mean and spread of each method: one row per point, method and metric.

    Columns: mean; std (ddof 1) over the pairs of screens, of their means over seeds; screens; and `seeds`,
    `between_screens` and `between_seeds` of :func:`spreads`.
    """
    rows = []
    for name in METRICS:
        for point, table in values_by_seed(scores, name).groupby("point", sort=False):
            for method in table:
                values = table[method].dropna()
                if values.empty:
                    continue
                means = values.groupby("screen_seed").mean()
                row = {"point": point, "method": method, "metric": name, "mean": means.mean(), "std": means.std()}
                rows.append(row | {"screens": len(means)} | spreads(values))
    columns = ["point", "method", "metric", "mean", "std", "screens", "seeds", "between_screens", "between_seeds"]
    return pd.DataFrame(rows, columns=columns)


def spreads(values: pd.Series) -> dict[str, float]:
    """What varies between pairs of screens, and between the training seeds of one pair.

    The moment estimates of a one-way layout with random effects (Searle, Casella, McCulloch, Variance Components, 1992,
    section 3.6): the variance within pairs, pooled; and what the variance of the pairs' means has beyond its share of
    it, at least 0.

    Parameters
    ----------
    values : one number per training, index with a level `screen_seed`

    Returns
    -------
    `seeds` of a pair (the fewest), and the standard deviations `between_screens` (NaN with one pair or one seed, where
    the two cannot be told apart) and `between_seeds` (NaN with one seed).
    """
    pairs = values.groupby("screen_seed")
    counts, means = pairs.size(), pairs.mean()
    freedom = int((counts - 1).sum())
    within = float((pairs.var(ddof=1) * (counts - 1)).sum() / freedom) if freedom else np.nan
    between = max(means.var(ddof=1) - within * (1 / counts).mean(), 0.0) if freedom and len(means) > 1 else np.nan
    return {"seeds": int(counts.min()), "between_screens": float(between**0.5), "between_seeds": float(within**0.5)}


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


def difference_of(table: pd.DataFrame, first: str, second: str, level: float = 0.95) -> dict[str, float]:
    """:func:`paired` of two methods' means over seeds, and :func:`spreads` of the difference.

    table : :func:`values_by_seed` at one point

    Trainings are paired by their seed, which they share with their initial weights. Where one of the two has no seeds,
    its value is taken from each of the other's. Methods with several seeds and none in common have no spread.
    """
    means = table.groupby("screen_seed").mean()
    found = paired(means[first].to_numpy(), means[second].to_numpy(), level)
    pairs = [_by_seed(part[first].dropna(), part[second].dropna()) for _, part in table.groupby("screen_seed")]
    by_seed = pd.concat(pairs)
    nothing = {"seeds": 0, "between_screens": float("nan"), "between_seeds": float("nan")}
    return found | (spreads(by_seed) if len(by_seed) else nothing)


def _by_seed(first: pd.Series, second: pd.Series) -> pd.Series:
    if len(second) == 1:
        return first - second.iloc[0]
    return first.iloc[0] - second if len(first) == 1 else (first - second).dropna()


DIFFERENCE = ("difference", "error", "ci_low", "ci_high", "screens", "seeds", "between_screens", "between_seeds")


def differences(scores: pd.DataFrame, first: str, level: float = 0.95) -> pd.DataFrame:
    """:func:`difference_of` the method `first` less every other one, for each point and metric."""
    rows = []
    for name in METRICS:
        for point, table in values_by_seed(scores, name).groupby("point", sort=False):
            for other in [c for c in table.columns if c != first and first in table.columns]:
                found = difference_of(table, first, other, level)
                if found["screens"]:
                    rows.append({"point": point, "metric": name, "first": first, "second": other, **found})
    return pd.DataFrame(rows, columns=["point", "metric", "first", "second", *DIFFERENCE])


def tested_claims(scores: pd.DataFrame, claims: Sequence[Sequence[str]], level: float = 0.95) -> pd.DataFrame:
    """Each claim (method, `above` or `below`, method, metric) at each point: the paired difference and a verdict.

    `holds`: the whole interval lies on the claimed side of 0; `reversed`: on the other side; `not shown`: it includes
    0, it has no width since the pairs' differences happen to be equal, or there are fewer than two pairs of screens.

    Raises InputError for an unknown relation or metric, and for a method that lacks the metric.
    """
    rows = []
    for first, relation, second, name in claims:
        if relation not in RELATIONS:
            raise InputError(f"study.claims: {relation!r} is not a relation; write {' or '.join(RELATIONS)}")
        table = values_by_seed(scores, name)
        for method in (first, second):
            if method not in table.columns:
                raise InputError(f"study.claims: method {method!r} has no {name}; add it, or leave the claim out")
        for point, part in table.groupby("point", sort=False):
            found = difference_of(part, first, second, level)
            rows.append(
                {"point": point, "first": first, "relation": relation, "second": second, "metric": name, **found}
                | {"verdict": _verdict(found, RELATIONS[relation])}
            )
    return pd.DataFrame(rows)


def _verdict(found: dict[str, float], sign: float) -> str:
    low, high = sorted((sign * found["ci_low"], sign * found["ci_high"]))
    if high - low < NO_WIDTH:
        return "not shown"
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
