"""One function for every alignment, chosen by name."""

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from cwamsn.alignment import linear
from cwamsn.alignment.controls import Batches, batches, refuse_constant
from cwamsn.alignment.harmony import harmonize
from cwamsn.errors import InputError
from cwamsn.notes import note

PROJECTING = ("pca-center-scale", "tvn-coral", "harmony")  # through a PCA of the controls
METHODS = ("none", "center-scale", "pca-center-scale", "sphering", "tvn-coral", "harmony")


def align(
    features: np.ndarray,
    wells: pd.DataFrame,
    method: str = "pca-center-scale",
    *,
    n_components: int | None = None,
    prescale: bool = False,
    sphering_epsilon: float = 0.01,
    coral_ridge: float = 0.5,
    pool_deviation_below: int = linear.POOL_BELOW,
    seed: int = 0,
    threads: int = 1,
    fit: np.ndarray | None = None,
    say: bool = True,
) -> np.ndarray:
    """Align embeddings between experiments on their negative controls.

    Parameters
    ----------
    features : (N, D) float array, one row a well
    wells : wells table, N rows in the same order; needs well_id, experiment and control
    method : one of `METHODS`, or such a name with the number of components, as `pca-center-scale@64`
    pool_deviation_below : an experiment with fewer controls borrows its deviation in part from all (center-scale and
        pca-center-scale); 0: never
    fit : (N,) bool, the controls to fit on; default all wells with control `negative`
    say : note what few controls cost; False where an earlier step has said it

    Returns
    -------
    (N, D') float64 array in the order of `features`. The digits do not depend on that order.

    Raises InputError for an unknown method, or an experiment with fewer than 2 controls or with controls that all have
    the same vector.
    """
    method, kept = parse_method(method)
    n_components = kept or n_components
    if len(features) != len(wells):
        raise InputError(f"alignment: {len(features)} embeddings for {len(wells)} wells; match them by well_id first")
    if method == "none":
        return np.array(features, dtype=np.float64)
    groups = batches(wells, fit, say)
    controls = np.asarray(features[groups.order[groups.fitted]], dtype=np.float64)
    bounds = np.concatenate([[0], np.cumsum(groups.fitted)])[groups.bounds]
    refuse_constant(controls, bounds, groups.names, say)
    if method == "sphering" and sphering_epsilon == 0:
        _refuse_empty_directions(controls, bounds)
    if method == "harmony":
        values = np.asarray(features[groups.order], dtype=np.float64)
        experiments = np.repeat(groups.names, np.diff(groups.bounds))
        mixed = harmonize(values, experiments, groups.fitted, n_components=n_components, seed=seed, threads=threads)
        out = np.empty_like(mixed)
        out[groups.order] = mixed
        if say:
            _say_losses(method, groups, bounds, features.shape[1], out.shape[1], n_components, 0)
        return out
    fits: dict[str, Callable[..., linear.Fitted]] = {
        "center-scale": partial(linear.fit_center_scale, pool_below=pool_deviation_below),
        "pca-center-scale": partial(
            linear.fit_pca_center_scale,
            n_components=n_components,
            prescale=prescale,
            pool_below=pool_deviation_below,
        ),
        "sphering": partial(linear.fit_sphering, epsilon=sphering_epsilon),
        "tvn-coral": partial(linear.fit_tvn_coral, n_components=n_components, ridge=coral_ridge),
    }
    out = _apply(fits[method](controls, bounds), features, groups.order, groups.bounds)
    if say:
        pooled = pool_deviation_below if "center-scale" in method else 0
        _say_losses(method, groups, bounds, features.shape[1], out.shape[1], n_components, pooled)
    return out


def _refuse_empty_directions(controls: np.ndarray, bounds: np.ndarray) -> None:
    """Without an epsilon, sphering divides by the variance of every direction."""
    residual = controls - np.repeat([controls[a:b].mean(axis=0) for a, b in pairwise(bounds)], np.diff(bounds), axis=0)
    rank = np.linalg.matrix_rank(residual)
    if rank < controls.shape[1]:
        raise InputError(
            f"alignment.sphering_epsilon: 0 with controls that vary in {rank} of {controls.shape[1]} dimensions "
            "divides by nothing; give more than 0"
        )


def _say_losses(
    method: str, groups: Batches, bounds: np.ndarray, features: int, kept: int, wanted: int | None, pool_below: int
) -> None:
    """Note the dimensions that few controls cost, and the experiments whose deviation is borrowed."""
    controls, sizes = int(bounds[-1]), np.diff(bounds)
    if method in PROJECTING and kept < min(features, wanted or features):
        why = "" if controls <= features else ", which do not vary in the others"
        note(f"{method} keeps {kept} of {features} dimensions: {controls} negative controls{why}")
    if method == "sphering" and controls - len(sizes) < features:
        note(
            f"sphering: {controls} negative controls of {len(sizes)} experiments vary in at most "
            f"{controls - len(sizes)} of {features} dimensions; the others are scaled by sphering_epsilon alone"
        )
    few = sizes < pool_below
    if few.any():
        least = int(sizes.argmin())
        note(
            f"experiment {groups.names[least]} has {int(sizes[least])} negative controls ({int(few.sum())} of "
            f"{len(sizes)} experiments have fewer than {pool_below}): its deviation is taken in part from all "
            "experiments (alignment.pool_deviation_below)"
        )


def parse_method(name: str) -> tuple[str, int | None]:
    """`pca-center-scale@64` → (`pca-center-scale`, 64).

    Raises InputError for an unknown name, and for components of a method that has none.
    """
    method, at, kept = name.partition("@")
    if method not in METHODS or (at and not (kept.isdigit() and int(kept))):
        raise InputError(
            f"alignment {name!r} is not known; known: {', '.join(METHODS)}; {', '.join(PROJECTING)} also with "
            "@components"
        )
    if at and method not in PROJECTING:
        raise InputError(f"alignment {name!r}: {method} has no components; leave @{kept} out")
    return method, int(kept) if kept else None


def align_options(section: dict[str, Any]) -> dict[str, Any]:
    """The keyword arguments of `align` in the configuration's section `alignment`."""
    keys = ("n_components", "prescale", "sphering_epsilon", "coral_ridge", "pool_deviation_below", "seed")
    return {key: section[key] for key in keys if key in section}


def _apply(fitted: linear.Fitted, features: np.ndarray, order: np.ndarray, bounds: np.ndarray) -> np.ndarray:
    """Transform every well with its experiment's function, a few thousand rows at a time."""
    out = None
    for e in range(len(bounds) - 1):
        transform = fitted(e)
        for start in range(bounds[e], bounds[e + 1], linear.ROWS):
            rows = order[start : min(start + linear.ROWS, bounds[e + 1])]
            aligned = transform(np.asarray(features[rows], dtype=np.float64))
            if out is None:
                out = np.empty((len(features), aligned.shape[1]))
            out[rows] = aligned
    return out
