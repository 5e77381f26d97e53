"""Alignments that are linear within an experiment.

Each `fit_*` takes the controls' values (n, D) sorted by experiment, and `bounds` (E + 1,), where each experiment begins
in them. It returns `of(e)`, which returns the function from wells (m, D) of experiment e to aligned wells (m, D').
Everything is computed in float64.
"""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
from scipy import linalg

from cwamsn.alignment.controls import CONSTANT

Transform = Callable[[np.ndarray], np.ndarray]
Fitted = Callable[[int], Transform]

POOL_BELOW = 8  # with fewer controls, an experiment's deviation is taken in part from all experiments
ROWS = 4096  # rows handled at once: enough for BLAS, little memory


def fit_center_scale(controls: np.ndarray, bounds: np.ndarray, *, pool_below: int = POOL_BELOW) -> Fitted:
    """Per experiment: subtract its controls' mean, divide by their population standard deviation."""
    mean, std = batch_moments(controls, bounds, pool_below)
    return lambda e: lambda wells: (wells - mean[e]) / std[e]


def fit_pca_center_scale(
    controls: np.ndarray,
    bounds: np.ndarray,
    *,
    n_components: int | None = None,
    prescale: bool = False,
    pool_below: int = POOL_BELOW,
) -> Fitted:
    """PCA fitted on the controls of all experiments, then centre and scale per experiment.

    This is `pca_centerscale_on_controls` of EFAAR's RxRx3-core benchmark, the "PCA-CenterScale" of OpenPhenom's model
    card. `prescale`: centre and scale everything on all controls before the PCA.
    """
    origin, axes = scaled_pca(controls, n_components) if prescale else pca(controls, n_components)
    project = lambda wells: (wells - origin) @ axes  # noqa: E731
    center, std = batch_moments(_chunked(project, controls), bounds, pool_below)
    return lambda e: lambda wells: (project(wells) - center[e]) / std[e]


def fit_sphering(controls: np.ndarray, bounds: np.ndarray, *, epsilon: float = 0.01) -> Fitted:
    """Centre per experiment on its controls, then whiten with the pooled covariance of the centred controls (ZCA).

    `epsilon` times the mean eigenvalue is added to each eigenvalue, so that directions without variation are not blown
    up.
    """
    center, _ = batch_moments(controls, bounds)
    residual = controls - np.repeat(center, np.diff(bounds), axis=0)
    values, vectors = linalg.eigh(residual.T @ residual / len(controls))
    values = np.clip(values, 0, None)
    whiten = (vectors / np.sqrt(values + epsilon * values.mean() + np.finfo(float).tiny)) @ vectors.T
    return lambda e: lambda wells: (wells - center[e]) @ whiten


def fit_tvn_coral(
    controls: np.ndarray, bounds: np.ndarray, *, n_components: int | None = None, ridge: float = 0.5
) -> Fitted:
    """Typical variation normalisation with CORAL, as `tvn_on_controls` of `efaar-benchmarking` 1.0 does it.

    Centre and scale on all controls, PCA fitted on them, centre and scale again; then, per experiment, multiply with
    the inverse square root of its controls' covariance (ddof 1) plus `ridge` on the diagonal.
    """
    origin, axes = scaled_pca(controls, n_components)
    project = lambda wells: (wells - origin) @ axes  # noqa: E731
    projected = _chunked(project, controls)
    center, std = moments(projected)
    projected = (projected - center) / std

    def of(e: int) -> Transform:
        source = np.atleast_2d(np.cov(projected[bounds[e] : bounds[e + 1]], rowvar=False, ddof=1))
        values, vectors = linalg.eigh(source + ridge * np.eye(len(source)))
        recolour = (vectors / np.sqrt(values)) @ vectors.T
        return lambda wells: ((project(wells) - center) / std) @ recolour

    return of


def pca(values: np.ndarray, n_components: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Mean (D,) and principal axes (D, K) of `values` (n, D), by decreasing variance, K at most `n_components`.

    Through a tall-skinny QR, so that directions of small variance keep their digits; signs such that the largest
    loading of an axis is positive. Axes beyond the numerical rank are left out: they hold rounding, which scaling
    would blow up.
    """
    mean = values.mean(axis=0)
    triangle = np.empty((0, values.shape[1]))
    for start in range(0, len(values), ROWS):
        stacked = np.vstack([triangle, values[start : start + ROWS] - mean])
        triangle = np.asarray(np.linalg.qr(stacked, mode="r"))
    _, singular, axes = linalg.svd(triangle, full_matrices=False)
    rank = int((singular > singular[0] * max(values.shape) * np.finfo(float).eps).sum())
    axes = axes[: min(max(rank, 1), n_components or rank or 1)]
    largest = axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)]
    return mean, (axes * np.where(largest < 0, -1.0, 1.0)[:, None]).T


def scaled_pca(values: np.ndarray, n_components: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """`pca` of centred and scaled `values`, folded into one origin (D,) and axes (D, K) for values as they are."""
    shift, scale = moments(values)
    mean, axes = pca((values - shift) / scale, n_components)
    return shift + scale * mean, axes / scale[:, None]


def moments(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean (D,) and population standard deviation (D,) of `values` (n, D); the latter 1 where values are constant."""
    mean = values.mean(axis=0)
    std = values.std(axis=0)
    return mean, np.where(std <= CONSTANT * np.abs(mean), 1.0, std)


def batch_moments(values: np.ndarray, bounds: np.ndarray, pool_below: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """`moments` of each experiment: (E, D) and (E, D). A std that is only rounding beside the pooled one becomes 1 too.

    With n < `pool_below` controls, one or two wells decide an experiment's std. Its variance is then the weighted mean
    of its own, with weight n, and of that within all experiments, with weight `pool_below` - n.
    """
    mean, std = map(np.stack, zip(*(moments(values[a:b]) for a, b in pairwise(bounds))))
    std = np.where(std <= CONSTANT * values.std(axis=0), 1.0, std)
    sizes = np.diff(bounds)
    few = np.flatnonzero(sizes < pool_below)
    if len(few):
        own = np.stack([values[a:b].var(axis=0) for a, b in pairwise(bounds)])
        within = (sizes[:, None] * own).sum(axis=0) / (sizes - 1).sum()
        weight = sizes[few, None] / pool_below
        shrunk = np.sqrt(weight * own[few] + (1 - weight) * within)
        std[few] = np.where(shrunk <= CONSTANT * np.abs(mean[few]), 1.0, shrunk)
    return mean, std


def _chunked(function: Transform, values: np.ndarray) -> np.ndarray:
    """Apply `function` to `values` in chunks of rows, without a second copy of all of them in between."""
    return np.concatenate([function(values[start : start + ROWS]) for start in range(0, len(values), ROWS)])
