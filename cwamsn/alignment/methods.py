"""One function for every alignment, chosen by name."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from cwamsn.alignment import linear
from cwamsn.alignment.controls import batches
from cwamsn.alignment.harmony import harmonize
from cwamsn.tables import InputError

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
    seed: int = 0,
    threads: int = 1,
    fit: np.ndarray | None = None,
) -> np.ndarray:
    """Align embeddings between experiments on their negative controls.

    Parameters
    ----------
    features : (N, D) float array, one row a well
    wells : wells table, N rows in the same order; needs well_id, experiment and control
    method : one of `METHODS`, or such a name with the number of components, as `pca-center-scale@64`
    fit : (N,) bool, the controls to fit on; default all wells with control `negative`

    Returns
    -------
    (N, D') float64 array in the order of `features`. The digits do not depend on that order.

    Raises InputError for an unknown method, or an experiment with fewer than 2 controls.
    """
    method, kept = parse_method(method)
    n_components = kept or n_components
    if len(features) != len(wells):
        raise InputError(f"alignment: {len(features)} embeddings for {len(wells)} wells; match them by well_id first")
    if method == "none":
        return np.array(features, dtype=np.float64)
    groups = batches(wells, fit)
    controls = np.asarray(features[groups.order[groups.fitted]], dtype=np.float64)
    bounds = np.concatenate([[0], np.cumsum(groups.fitted)])[groups.bounds]
    if method == "harmony":
        values = np.asarray(features[groups.order], dtype=np.float64)
        experiments = np.repeat(groups.names, np.diff(groups.bounds))
        mixed = harmonize(values, experiments, groups.fitted, n_components=n_components, seed=seed, threads=threads)
        out = np.empty_like(mixed)
        out[groups.order] = mixed
        return out
    fits: dict[str, Callable[..., linear.Fitted]] = {
        "center-scale": linear.fit_center_scale,
        "pca-center-scale": partial(linear.fit_pca_center_scale, n_components=n_components, prescale=prescale),
        "sphering": partial(linear.fit_sphering, epsilon=sphering_epsilon),
        "tvn-coral": partial(linear.fit_tvn_coral, n_components=n_components, ridge=coral_ridge),
    }
    return _apply(fits[method](controls, bounds), features, groups.order, groups.bounds)


def parse_method(name: str) -> tuple[str, int | None]:
    """`pca-center-scale@64` → (`pca-center-scale`, 64); raises InputError for an unknown name."""
    method, at, kept = name.partition("@")
    if method not in METHODS or (at and not (kept.isdigit() and int(kept))):
        raise InputError(
            f"alignment {name!r} is not known; known: {', '.join(METHODS)}, each with or without @components"
        )
    return method, int(kept) if kept else None


def align_options(section: dict[str, Any]) -> dict[str, Any]:
    """The keyword arguments of `align` in the configuration's section `alignment`."""
    keys = ("n_components", "prescale", "sphering_epsilon", "coral_ridge", "seed")
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
