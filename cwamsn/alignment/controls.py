"""The negative controls that an alignment is fitted on, in an order that does not depend on the order of the rows."""

import logging
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cwamsn.tables import InputError

log = logging.getLogger(__name__)

FEW = 32  # fewer controls than this give a poor mean and standard deviation


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


def batches(wells: pd.DataFrame, fit: np.ndarray | None = None) -> Batches:
    """Group `wells` (N rows) by experiment. `fit` (N, bool) picks the controls; default: `control == "negative"`.

    Raises InputError when an experiment has fewer than 2 controls, and warns below 32.
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
    if (counts < FEW).any():
        log.warning(
            "%d of %d experiments have fewer than %d negative controls (least: %s with %d)",
            int((counts < FEW).sum()),
            len(names),
            FEW,
            names[int(counts.argmin())],
            int(counts.min()),
        )
    return Batches(order, bounds, list(names), fit[order])


def negative(wells: pd.DataFrame) -> np.ndarray:
    """(N,) whether each well is a negative control."""
    return (wells["control"] == "negative").to_numpy(dtype=bool, na_value=False)


def text_rank(values: pd.Series) -> np.ndarray:
    """(N,) rank of each text in sorted order."""
    codes, found = pd.factorize(values)
    rank = np.empty(len(found), dtype=np.int64)
    rank[np.argsort(np.asarray(found, dtype=str), kind="stable")] = np.arange(len(found))
    return rank[codes]
