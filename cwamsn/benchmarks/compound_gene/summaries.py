"""What the scores of all compounds say together: means over draws, intervals over compounds, differences of methods."""

from collections.abc import Collection

import numpy as np
import pandas as pd

from cwamsn.benchmarks.bootstrap import cluster_counts, interval
from cwamsn.benchmarks.compound_gene.metrics import METRICS, z_score
from cwamsn.benchmarks.compound_gene.scoring import CompoundScores, subset
from cwamsn.benchmarks.compound_gene.truth import Truth


def summary(scores: CompoundScores, resamples: int = 1000, seed: int = 0, level: float = 0.95) -> pd.DataFrame:
    """Mean and std over draws and z, each mean and z with a bootstrap interval over compounds, clustered by target.

    Table `metric, concentration, value, n, ci_low, ci_high`; metrics are `<name>_mean`, `<name>_std`, `<name>_z`,
    `<name>_median` (over compounds, then the mean over draws), `baseline_<name>_mean`, `baseline_<name>_std` for
    `average_precision` and `auc_roc`. The std over draws says which
    twenty genes were drawn; it is not the error over compounds; the interval is (of z: of the difference of means,
    stds over draws held fixed).
    """
    weights = cluster_counts(scores.truth.cluster, resamples, seed).astype(np.float64)
    rows = []
    for name in METRICS:
        model, baseline = scores.values[name], scores.values[f"baseline_{name}"]
        for j, dose in enumerate(scores.concentrations):
            n = int((~np.isnan(model[0, j])).sum())
            if not n:
                continue
            mean, chance = _means(model[:, j]), _means(baseline[:, j])
            means, chances = _means(model[:, j], weights), _means(baseline[:, j], weights)
            ddof = min(1, len(mean) - 1)
            rows.append((f"{name}_mean", dose, mean.mean(), n, *interval(means.mean(axis=0), level)))
            rows.append((f"{name}_std", dose, mean.std(ddof=ddof), n, np.nan, np.nan))
            middle = np.nanmedian(model[:, j], axis=1).mean()  # what the owner of RxRx3-core reports
            rows.append((f"{name}_median", dose, middle, n, np.nan, np.nan))
            rows.append((f"baseline_{name}_mean", dose, chance.mean(), n, *interval(chances.mean(axis=0), level)))
            rows.append((f"baseline_{name}_std", dose, chance.std(ddof=ddof), n, np.nan, np.nan))
            if len(mean) > 1:
                z = float(z_score(mean[:, None], chance[:, None])[0])
                # Keep the stds over draws of all compounds: a resample repeats compounds, which alone raises them.
                spread = np.sqrt(mean.var(ddof=1) + chance.var(ddof=1))
                samples = (means - chances).mean(axis=0) / spread if spread > 0 else np.full(resamples, np.nan)
                rows.append((f"{name}_z", dose, z, n, *interval(samples, level)))
    return pd.DataFrame(rows, columns=["metric", "concentration", "value", "n", "ci_low", "ci_high"])


def unseen_summary(
    scores: CompoundScores, seen: Collection[str], *, resamples: int = 1000, seed: int = 0, level: float = 0.95
) -> pd.DataFrame:
    """:func:`summary` without the compounds that training saw (metrics end in `_unseen`), and `n_seen_compounds`."""
    rest = [name for name in scores.truth.compounds if name not in set(seen)]
    count = len(scores.truth.compounds) - len(rest)
    counted = pd.DataFrame({"metric": ["n_seen_compounds"], "value": [float(count)]})
    if not rest or not count:
        return counted
    table = summary(subset(scores, rest), resamples, seed, level)
    return pd.concat([counted, table.assign(metric=table["metric"] + "_unseen")], ignore_index=True)


def pr_auc_by_treatment(
    scores: CompoundScores, *, resamples: int = 1000, seed: int = 0, level: float = 0.95
) -> pd.DataFrame:
    """Mean over compounds of the average precision of all their pairs with genes: the form of the Polaris benchmark.

    `recursion/rxrx-compound-gene-activity-benchmark` on Polaris scores a list of pairs (treatment, gene, active):
    scikit-learn's average precision of each treatment's pairs, those without an active one left out, and their mean.
    Its list of pairs is not in its public text. Here it is every target of a compound and every eligible gene, without
    a draw, so that there is one number and no error over draws.

    Parameters
    ----------
    scores : as :func:`score_compounds` gives them with `negatives="all"`

    Returns
    -------
    `metric, concentration, value, n, ci_low, ci_high`: metrics `pr_auc_by_treatment` and, of uniform random scores,
    `baseline_pr_auc_by_treatment`; intervals over compounds, clustered by target.
    """
    weights = cluster_counts(scores.truth.cluster, resamples, seed).astype(np.float64)
    rows = []
    for prefix in ("", "baseline_"):
        values = scores.values[f"{prefix}average_precision"]
        for j, dose in enumerate(scores.concentrations):
            n = int((~np.isnan(values[0, j])).sum())
            if n:
                mean, samples = _means(values[:, j]).mean(), _means(values[:, j], weights).mean(axis=0)
                rows.append((f"{prefix}pr_auc_by_treatment", dose, float(mean), n, *interval(samples, level)))
    return pd.DataFrame(rows, columns=["metric", "concentration", "value", "n", "ci_low", "ci_high"])


def paired_difference(
    first: CompoundScores, second: CompoundScores, resamples: int = 1000, seed: int = 0, level: float = 0.95
) -> pd.DataFrame:
    """Mean AP and AUC of `first` less those of `second`, over the compounds that both have, on the same resamples.

    Same columns as :func:`summary`; metrics `average_precision_mean` and `auc_roc_mean`.
    """
    common = sorted(set(first.truth.compounds) & set(second.truth.compounds))
    one, two = subset(first, common), subset(second, common)
    weights = cluster_counts(one.truth.cluster, resamples, seed).astype(np.float64)
    rows = []
    for name in METRICS:
        for dose in [d for d in one.concentrations if d in two.concentrations]:
            pair = [s.values[name][:, s.concentrations.index(dose)].mean(axis=0) for s in (one, two)]
            difference = pair[0] - pair[1]
            n = int((~np.isnan(difference)).sum())
            if n:
                bounds = interval(_means(difference, weights), level)
                rows.append((f"{name}_mean", dose, float(_means(difference)), n, *bounds))
    return pd.DataFrame(rows, columns=["metric", "concentration", "value", "n", "ci_low", "ci_high"])


def compound_gene_table(scores: CompoundScores) -> pd.DataFrame:
    """Macro means over compounds: table `draw, concentration, average_precision, auc_roc, baseline_average_precision,
    baseline_auc_roc, n_compounds`, one row per draw and dose."""
    draws, doses, _ = scores.values[METRICS[0]].shape
    n = (~np.isnan(scores.values[METRICS[0]])).sum(axis=2)
    table = {"draw": np.repeat(np.arange(draws), doses), "concentration": list(scores.concentrations) * draws}
    for name in (*METRICS, *(f"baseline_{m}" for m in METRICS)):
        table[name] = _means(scores.values[name]).ravel()
    table["n_compounds"] = n.ravel()
    frame = pd.DataFrame(table)
    return frame[frame["n_compounds"] > 0].reset_index(drop=True)


def _means(values: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Mean over the last axis without NaN: (...,); with weights (resamples, compounds): (..., resamples)."""
    known = ~np.isnan(values)
    filled = np.where(known, values, 0.0)
    if weights is None:
        total, count = filled.sum(axis=-1), known.sum(axis=-1)
    else:
        total, count = filled @ weights.T, known.astype(np.float64) @ weights.T
    return np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)


def draws_as_scores(table: pd.DataFrame) -> pd.DataFrame:
    """The table of :func:`compound_gene_table`, one number per row: `metric, draw, concentration, value, n`."""
    names = [*METRICS, *(f"baseline_{m}" for m in METRICS)]
    long = table.melt(["draw", "concentration", "n_compounds"], names, var_name="metric", value_name="value")
    return long.rename(columns={"n_compounds": "n"})


def counts(truth: Truth) -> pd.DataFrame:
    """What was scored and what the map lacked: `metric, value`."""
    values = {
        "n_compounds": len(truth.compounds),
        "n_truth_genes": len(truth.genes),
        "n_missing_genes": truth.n_missing_genes,
        "n_missing_compounds": truth.n_missing_compounds,
        "n_without_active": truth.n_without_active,
    }
    return pd.DataFrame({"metric": list(values), "value": [float(v) for v in values.values()]})
