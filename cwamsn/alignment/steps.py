"""Normalisations that other groups use, as steps of a recipe: each from wells (N, D) to wells (N, D')."""

from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy.special import ndtri
from scipy.stats import rankdata

from cwamsn.alignment.groups import groups_of
from cwamsn.alignment.linear import pca
from cwamsn.alignment_names import Step
from cwamsn.errors import InputError
from cwamsn.notes import note
from cwamsn.wells import is_treated
from cwamsn.wells_by_count import counts_of

MAD = 1.4826  # makes the median absolute deviation of a normal distribution its standard deviation
SMALL = 1e-8  # MorphoHELM's least deviation
LOW_VARIANCE, HIGH_CORRELATION = 1e-6, 0.9  # pycytominer's defaults
BLOM = 3 / 8


def apply_step(
    values: np.ndarray, wells: pd.DataFrame, step: Step, fit: np.ndarray | None = None, say: bool = True
) -> np.ndarray:
    """One step on `values` (N, D) of `wells` (N rows, same order); `fit`: (N,) bool, the controls. New array."""
    functions: dict[str, Callable[..., np.ndarray]] = {
        "standardize": _standardize,
        "mad-robustize": _mad_robustize,
        "rank-int": _rank_int,
        "pca": _pca,
        "select-features": _select_features,
        "well-position": _well_position,
        "regress-cell-count": _regress_cell_count,
    }
    return functions[step.name](np.asarray(values, dtype=np.float64), wells, step, fit, say)


def _standardize(values: np.ndarray, wells: pd.DataFrame, step: Step, fit: np.ndarray | None, say: bool) -> np.ndarray:
    """Subtract the mean, divide by the population standard deviation, at least 1e-8."""
    out = values.copy()
    for group in groups_of(wells, step, fit, say):
        fitted = values[group.fitted]
        out[group.rows] = (values[group.rows] - fitted.mean(axis=0)) / np.maximum(fitted.std(axis=0), SMALL)
    return out


def _mad_robustize(
    values: np.ndarray, wells: pd.DataFrame, step: Step, fit: np.ndarray | None, say: bool
) -> np.ndarray:
    """Subtract the median, divide by 1.4826 times the median absolute deviation.

    pycytominer and MorphoHELM add or take 1e-18 where that is 0, which turns the smallest difference into 1e18. Such a
    feature is centred only.
    """
    out, still = values.copy(), np.zeros(values.shape[1], dtype=bool)
    for group in groups_of(wells, step, fit, say):
        median = np.median(values[group.fitted], axis=0)
        deviation = MAD * np.median(np.abs(values[group.fitted] - median), axis=0)
        still |= deviation == 0
        out[group.rows] = (values[group.rows] - median) / np.where(deviation == 0, 1, deviation)
    if say and still.any():
        note(f"mad-robustize: {int(still.sum())} of {len(still)} features do not vary in a {step.group}; centred only")
    return out


def _rank_int(values: np.ndarray, wells: pd.DataFrame, step: Step, fit: np.ndarray | None, say: bool) -> np.ndarray:
    """Each feature's ranks as normal scores, (rank - 3/8) / (n + 1/4) (Blom); ties share their mean rank."""
    if step.on != "all":
        raise InputError("alignment rank-int: ranks are of all wells; leave out +controls")
    out = values.copy()
    for group in groups_of(wells, step, fit, say):
        ranks = rankdata(values[group.rows], axis=0)
        out[group.rows] = ndtri((ranks - BLOM) / (len(group.rows) + 1 - 2 * BLOM))
    return out


def _pca(values: np.ndarray, wells: pd.DataFrame, step: Step, fit: np.ndarray | None, say: bool) -> np.ndarray:
    """Scores on the principal axes of the fitted wells of the screen."""
    if step.group != "screen":
        raise InputError(f"alignment pca: axes of each {step.group} are not comparable; take pca+screen")
    (group,) = groups_of(wells, step, fit, say)
    mean, axes = pca(values[group.fitted], step.components)
    if say and step.components and axes.shape[1] < step.components:
        note(f"pca keeps {axes.shape[1]} of {step.components} components: {len(group.fitted)} wells vary in no more")
    return (values - mean) @ axes


def _select_features(
    values: np.ndarray, wells: pd.DataFrame, step: Step, fit: np.ndarray | None, say: bool
) -> np.ndarray:
    """Features that vary and are no near copies of others, as pycytominer's feature_select chooses them."""
    if step.group != "screen":
        raise InputError(f"alignment select-features: a {step.group} cannot have features of its own; take +screen")
    (group,) = groups_of(wells, step, fit, say)
    kept = selected_features(values[group.fitted])
    if not len(kept):
        raise InputError("alignment select-features: no feature varies; look at the embeddings")
    if say and len(kept) < values.shape[1]:
        note(f"select-features keeps {len(kept)} of {values.shape[1]} features")
    return values[:, kept]


def selected_features(values: np.ndarray) -> np.ndarray:
    """Positions of the features of `values` (n, D) that pycytominer 1.7 keeps, ascending.

    Variance above 1e-6; then, of every pair with a correlation above .9, the one whose correlations with all features
    sum to less (in absolute value) stays.
    """
    varied = np.flatnonzero(values.var(axis=0) > LOW_VARIANCE)
    if len(varied) < 2:
        return varied
    correlation = np.corrcoef(values[:, varied], rowvar=False)
    place = np.empty(len(varied), dtype=int)
    place[np.argsort(np.abs(correlation).sum(axis=0), kind="stable")] = np.arange(len(varied))
    close = correlation > HIGH_CORRELATION
    np.fill_diagonal(close, False)
    dropped = (close & (place[:, None] > place[None, :])).any(axis=1)
    return varied[~dropped]


def _well_position(
    values: np.ndarray, wells: pd.DataFrame, step: Step, fit: np.ndarray | None, say: bool
) -> np.ndarray:
    """Subtract the mean of each well position over the plates of a group, and add the group's mean again."""
    if step.group == "plate":
        raise InputError("alignment well-position: a plate has one well at each position; take +screen or +experiment")
    out = values.copy()
    address = wells["address"].to_numpy(dtype=object)
    for group in groups_of(wells, step, fit, say):
        centre = values[group.fitted].mean(axis=0)
        fitted = pd.Series(group.fitted).groupby(address[group.fitted])
        means = {name: values[rows.to_numpy()].mean(axis=0) for name, rows in fitted}
        for name, rows in pd.Series(group.rows).groupby(address[group.rows]):
            out[rows.to_numpy()] += centre - means.get(name, centre)
    if say:
        _warn_of_fixed_positions(wells)
    return out


def _warn_of_fixed_positions(wells: pd.DataFrame) -> None:
    """Where replicates share their position, its mean is largely their own effect."""
    treated = wells[is_treated(wells)]
    positions = treated.groupby("perturbation")["address"].agg(["nunique", "size"])
    several = positions[positions["size"] > 1]
    fixed = int((several["nunique"] == 1).sum())
    if fixed:
        note(
            f"well-position: {fixed:,} of {len(several):,} perturbations have all their replicates at one position, "
            "whose mean holds their own effect: part of it is subtracted"
        )


def _regress_cell_count(
    values: np.ndarray, wells: pd.DataFrame, step: Step, fit: np.ndarray | None, say: bool
) -> np.ndarray:
    """Subtract from each feature what a line in the cell count explains, fitted by least squares in each group."""
    counts = counts_of(wells, "alignment regress-cell-count")
    out = values.copy()
    for group in groups_of(wells, step, fit, say):
        x = counts[group.fitted] - counts[group.fitted].mean()
        spread = float(x @ x)
        if spread == 0:
            continue
        slope = x @ (values[group.fitted] - values[group.fitted].mean(axis=0)) / spread
        out[group.rows] -= np.outer(counts[group.rows] - counts[group.fitted].mean(), slope)
    return out
