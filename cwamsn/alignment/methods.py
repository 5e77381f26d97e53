"""One function for every alignment, chosen by name."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from cwamsn.alignment import linear
from cwamsn.alignment.controls import Batches, batches, refuse_constant
from cwamsn.alignment.harmony import harmonize
from cwamsn.alignment.options import AlignOptions
from cwamsn.alignment.steps import apply_step
from cwamsn.alignment_names import METHODS, PROJECTING, steps_of
from cwamsn.errors import InputError
from cwamsn.notes import note


def align(
    features: np.ndarray,
    wells: pd.DataFrame,
    method: str | None = None,
    options: AlignOptions | None = None,
    *,
    threads: int = 1,
    fit: np.ndarray | None = None,
    say: bool = True,
    **own: Any,
) -> np.ndarray:
    """Align embeddings between experiments on their negative controls.

    Parameters
    ----------
    features : (N, D) float array, one row per well
    wells : wells table, N rows in the same order; needs well_id, experiment and control
    method : one of `METHODS`, or such a name with the number of components, as `pca-center-scale@64`; a step or recipe
        of :mod:`cwamsn.alignment_names`, or a recipe of `options`. Default: that of `options`
    options : section `alignment`; default: :class:`AlignOptions` as it is
    threads : threads of Harmony
    fit : (N,) bool, the controls to fit on; default: all wells with control `negative`
    say : note what few controls cost; False where an earlier step has noted it
    own : fields of `options` to replace, such as `n_components=64`

    Returns
    -------
    (N, D') float64 array in the order of `features`. Its digits do not depend on that order.

    Raises
    ------
    InputError
        For an unknown method, for an experiment with fewer than 2 controls or with controls that all have the same
        vector, and for what a step cannot do.
    """
    options = replace(options or AlignOptions(), **own)
    if len(features) != len(wells):
        raise InputError(f"alignment: {len(features)} embeddings for {len(wells)} wells; match them by well_id first")
    values = features
    for step in steps_of(method or options.method, options.recipes):
        if step.name in METHODS:
            how = replace(options, method=step.name, n_components=step.components or options.n_components)
            values = _fitted_on_controls(values, wells, how, threads, fit, say)
        else:
            values = apply_step(values, wells, step, fit, say)
    return values


def _fitted_on_controls(
    features: np.ndarray, wells: pd.DataFrame, options: AlignOptions, threads: int, fit: np.ndarray | None, say: bool
) -> np.ndarray:
    """One of :data:`METHODS`, which `options` name."""
    name = options.method
    if name == "none":
        return np.array(features, dtype=np.float64)
    groups = batches(wells, fit, say)
    controls = np.asarray(features[groups.order[groups.fitted]], dtype=np.float64)
    refuse_constant(controls, groups.control_bounds, groups.names, say)
    if name == "sphering" and options.sphering_epsilon == 0:
        _refuse_empty_directions(controls, groups.control_bounds)
    if name == "harmony":
        out = _harmony(features, groups, options, threads)
    else:
        out = _apply(_fit(controls, groups.control_bounds, options), features, groups)
    if say:
        _note_losses(groups, features.shape[1], out.shape[1], options)
    return out


def _fit(controls: np.ndarray, bounds: np.ndarray, options: AlignOptions) -> linear.Fitted:
    """The linear alignment that `options` name, fitted on the controls (n, D)."""
    fits: dict[str, Callable[..., linear.Fitted]] = {
        "center-scale": partial(linear.fit_center_scale, pool_below=options.pool_deviation_below),
        "pca-center-scale": partial(
            linear.fit_pca_center_scale,
            n_components=options.n_components,
            prescale=options.prescale,
            pool_below=options.pool_deviation_below,
        ),
        "sphering": partial(linear.fit_sphering, epsilon=options.sphering_epsilon),
        "tvn-coral": partial(linear.fit_tvn_coral, n_components=options.n_components, ridge=options.coral_ridge),
    }
    return fits[options.method](controls, bounds)


def _apply(fitted: linear.Fitted, features: np.ndarray, groups: Batches) -> np.ndarray:
    """Transform every well with its experiment's function, a few thousand rows at a time."""
    out = None
    for e, (begin, end) in enumerate(pairwise(groups.bounds)):
        transform = fitted(e)
        for start in range(begin, end, linear.ROWS):
            rows = groups.order[start : min(start + linear.ROWS, end)]
            aligned = transform(np.asarray(features[rows], dtype=np.float64))
            if out is None:
                out = np.empty((len(features), aligned.shape[1]))
            out[rows] = aligned
    assert out is not None  # every experiment has controls
    return out


def _harmony(features: np.ndarray, groups: Batches, options: AlignOptions, threads: int) -> np.ndarray:
    values = np.asarray(features[groups.order], dtype=np.float64)
    experiments = np.repeat(groups.names, np.diff(groups.bounds))
    mixed = harmonize(
        values, experiments, groups.fitted, n_components=options.n_components, seed=options.seed, threads=threads
    )
    out = np.empty_like(mixed)
    out[groups.order] = mixed
    return out


def _refuse_empty_directions(controls: np.ndarray, bounds: np.ndarray) -> None:
    """Without an epsilon, sphering divides by the variance of every direction."""
    residual = controls - np.repeat([controls[a:b].mean(axis=0) for a, b in pairwise(bounds)], np.diff(bounds), axis=0)
    rank = np.linalg.matrix_rank(residual)
    if rank < controls.shape[1]:
        raise InputError(
            f"alignment.sphering_epsilon: 0 with controls that vary in {rank} of {controls.shape[1]} dimensions "
            "divides by zero; set it above 0"
        )


def _note_losses(groups: Batches, features: int, kept: int, options: AlignOptions) -> None:
    """Note the dimensions that few controls cost, and the experiments whose deviation is borrowed."""
    method, sizes = options.method, np.diff(groups.control_bounds)
    controls = int(sizes.sum())
    if method in PROJECTING and kept < min(features, options.n_components or features):
        why = "" if controls <= features else ", which do not vary in the others"
        note(f"{method} keeps {kept} of {features} dimensions: {controls} negative controls{why}")
    if method == "sphering" and controls - len(sizes) < features:
        note(
            f"sphering: {controls} negative controls of {len(sizes)} experiments vary in at most "
            f"{controls - len(sizes)} of {features} dimensions; the others are scaled by sphering_epsilon alone"
        )
    few = sizes < options.pool_deviation_below
    if few.any() and "center-scale" in method:
        least = int(sizes.argmin())
        note(
            f"experiment {groups.names[least]} has {int(sizes[least])} negative controls ({int(few.sum())} of "
            f"{len(sizes)} experiments have fewer than {options.pool_deviation_below}): its deviation is taken in part "
            "from all experiments (alignment.pool_deviation_below)"
        )
