"""The negative controls that an alignment is fitted on, in an order that does not depend on the order of the rows."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from cwamsn.errors import InputError
from cwamsn.notes import note
from cwamsn.wells import is_negative, order_of_ids

FEW = 32  # fewer controls than this give a poor mean and standard deviation
CONSTANT = 1e-10  # a standard deviation below this share of the feature's size is rounding, not variation


@dataclass(frozen=True)
class Batches:
    """Wells grouped by experiment, sorted by well_id within each."""

    order: np.ndarray
    """(N,) row indices, experiment by experiment."""
    bounds: np.ndarray
    """(E + 1,) where each experiment begins in `order`."""
    names: list[str]
    """The E experiments, sorted."""
    fitted: np.ndarray
    """(N,) bool, whether each row of `order` is a control to fit on."""

    @property
    def control_bounds(self) -> np.ndarray:
        """(E + 1,) where each experiment begins among the fitted controls."""
        return np.concatenate([[0], np.cumsum(self.fitted)])[self.bounds]


def batches(wells: pd.DataFrame, fit: np.ndarray | None = None, say: bool = True) -> Batches:
    """Group `wells` (N rows) by experiment; `fit` (N, bool) picks the controls, by default the negative ones.

    Raises InputError when an experiment has fewer than 2 controls; notes fewer than 32 where `say`.
    """
    fit = is_negative(wells) if fit is None else np.asarray(fit, dtype=bool)
    names, codes = np.unique(wells["experiment"].to_numpy(dtype=object).astype(str), return_inverse=True)
    by_id = order_of_ids(wells)
    order = by_id[np.argsort(codes[by_id], kind="stable")]
    bounds = np.searchsorted(codes[order], np.arange(len(names) + 1))
    counts = np.bincount(codes[fit], minlength=len(names))
    if (counts < 2).any():
        bad = int((counts < 2).argmax())
        raise InputError(
            f"experiment {names[bad]}: {counts[bad]} negative controls with an embedding, an alignment needs 2 "
            f"({int((counts < 2).sum())} of {len(names)} experiments); add controls or set alignment.method to none"
        )
    if say and (counts < FEW).any():
        note(
            f"{int((counts < FEW).sum())} of {len(names)} experiments have fewer than {FEW} negative controls "
            f"(least: {names[int(counts.argmin())]} with {int(counts.min())}): mean and deviation are poorly known"
        )
    return Batches(order, bounds, list(names), fit[order])


def refuse_constant(controls: np.ndarray, bounds: np.ndarray, names: list[str], say: bool = True) -> None:
    """Raise InputError where all controls of an experiment have the same vector: there is no variation to scale by.

    Where `say`, notes how many features do not vary among the controls of some experiment.

    Parameters
    ----------
    controls : (n, D), sorted by experiment
    bounds : (E + 1,) where each experiment begins
    names : the E experiments
    """
    spread = controls.std(axis=0)
    flat = np.stack(
        [
            part.std(axis=0) <= CONSTANT * (np.abs(part.mean(axis=0)) + spread)
            for part in (controls[a:b] for a, b in pairwise(bounds))
        ]
    )
    still = flat.all(axis=1)
    if still.any():
        e = int(still.argmax())
        raise InputError(
            f"experiment {names[e]}: its {bounds[e + 1] - bounds[e]} negative controls all have the same vector "
            f"({int(still.sum())} of {len(names)} experiments), so nothing says how much wells vary; "
            "correct the controls' embeddings or set alignment.method to none"
        )
    if say and flat.any():
        some = np.asarray(flat.any(axis=0))
        note(
            f"{int(some.sum())} of {len(some)} features do not vary among the negative controls of "
            f"{int(flat.any(axis=1).sum())} of {len(names)} experiments"
        )
