"""The negative controls that an alignment is fitted on, in an order that does not depend on the order of the rows."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

from cwamsn.errors import InputError
from cwamsn.notes import note

FEW = 32  # fewer controls than this give a poor mean and standard deviation
CONSTANT = 1e-10  # a standard deviation below this share of the feature's size is rounding, not variation


@dataclass(frozen=True)
class Batches:
    """Wells grouped by experiment, sorted by well_id within each.

    order: (N,) row numbers, experiment by experiment. bounds: (E + 1,) where each experiment begins in `order`.
    names: the E experiments, sorted. fitted: (N,) whether each row of `order` is a control to fit on.
    """

    order: np.ndarray
    bounds: np.ndarray
    names: list[str]
    fitted: np.ndarray


def batches(wells: pd.DataFrame, fit: np.ndarray | None = None, say: bool = True) -> Batches:
    """Group `wells` (N rows) by experiment. `fit` (N, bool) picks the controls; default: `control == "negative"`.

    Raises InputError when an experiment has fewer than 2 controls, and notes fewer than 32 where `say`.
    """
    fit = negative(wells) if fit is None else np.asarray(fit, dtype=bool)
    names, codes = np.unique(wells["experiment"].to_numpy(dtype=object).astype(str), return_inverse=True)
    order = np.lexsort((text_rank(wells["well_id"]), codes))
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

    controls: (n, D) sorted by experiment; bounds: (E + 1,) where each begins; names: the E experiments. Notes how many
    features do not vary among the controls of some experiment.
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
        some = flat.any(axis=0)
        note(
            f"{int(some.sum())} of {len(some)} features do not vary among the negative controls of "
            f"{int(flat.any(axis=1).sum())} of {len(names)} experiments"
        )


def negative(wells: pd.DataFrame) -> np.ndarray:
    """(N,) whether each well is a negative control."""
    return (wells["control"] == "negative").to_numpy(dtype=bool, na_value=False)


def text_rank(values: pd.Series) -> np.ndarray:
    """(N,) rank of each text in sorted order."""
    codes, found = pd.factorize(values)
    rank = np.empty(len(found), dtype=np.int64)
    rank[np.argsort(np.asarray(found, dtype=str), kind="stable")] = np.arange(len(found))
    return rank[codes]
