"""Vectors that cannot be scored: they tell nothing apart."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from cwamsn.errors import InputError
from cwamsn.notes import note

CONSTANT = 1e-6  # a range below this share of the feature's magnitude is rounding of float32
OUTWEIGHS = 0.95  # share of all variance in one feature, of more than FEW, that is worth a note
FEW = 4
ENOUGH = 10000  # rows that suffice to estimate a feature's variance
FAR = 1000.0  # times the median magnitude: outliers of real features stay below, fill values and divisions by ~0 do not
LOOK = 16  # features compared first when looking for equal vectors


def refuse_degenerate(
    source: str | Path,
    values: np.ndarray,
    ids: Sequence[str] | np.ndarray,
    what: str = "wells",
    say: bool = True,
    features: Sequence[str] = (),
) -> None:
    """Raise InputError where vectors tell nothing apart; note what is suspicious but may be right.

    Refused: fewer than two features (every cosine is then 1 or -1), all vectors zero, all vectors equal. Noted: zero
    vectors, vectors that several rows share, constant features, a feature that outweighs all others, extreme values.

    Parameters
    ----------
    source : the file, for messages
    values : (N, D)
    ids : N names of the rows, for messages
    what : what the rows are
    say : False leaves out the notes, where an earlier stage has given them
    features : D names of the features, where they have any
    """
    n, d = values.shape
    name = Path(source).name
    if d < 2:
        raise InputError(f"{source}: {d} feature; cosines need at least two, so that one column cannot be an embedding")
    if n < 2:
        return
    low, high = values.min(axis=0), values.max(axis=0)
    constant = high - low <= CONSTANT * np.maximum(np.abs(low), np.abs(high))
    if constant.all():
        if not (low.any() or high.any()):
            raise InputError(f"{source}: all {n} vectors are zero; give the array that holds the embeddings")
        raise InputError(f"{source}: all {n} {what} have the same vector; it tells nothing apart")
    if not say:
        return
    if constant.any():
        note(f"{name}: {int(constant.sum())} of {d} features are constant over all {n} {what}")
    spread = values[:: max(1, n // ENOUGH)].var(axis=0, dtype=np.float64)
    largest = int(spread.argmax())
    if d > FEW and spread[largest] > OUTWEIGHS * spread.sum():
        named = features[largest] if len(features) else f"number {largest}"
        share = spread[largest] / spread.sum()
        note(f"{name}: feature {named!r} holds {share:.1%} of the variance of all {d}; is it a feature, in what unit?")
    zero = ~values.any(axis=1)
    if zero.any():
        note(f"{name}: {int(zero.sum())} of {n} {what} have a zero vector (such as {ids[int(zero.argmax())]})")
    length = np.maximum(values.max(axis=1), -values.min(axis=1))  # no second copy of a large file's vectors
    length = np.maximum(length, np.finfo(np.float32).tiny)
    far = length > FAR * np.median(length.astype(np.float64))
    if far.any():
        note(
            f"{name}: {int(far.sum())} of {n} {what} have a value more than {FAR:.0f} times as large as others' "
            f"(such as {ids[int(far.argmax())]}): a fill value, or a division by almost zero?"
        )
    shared = _repeats(values) & ~zero
    if shared.any():
        first = ids[int(shared.argmax())]
        note(f"{name}: {int(shared.sum())} of {n} {what} have a vector that another has too (such as {first})")


def _repeats(values: np.ndarray) -> np.ndarray:
    """(N,) bool: whether a row appears more than once."""
    found = pd.DataFrame(values[:, :LOOK]).duplicated(keep=False).to_numpy()
    rows = np.flatnonzero(found)
    if len(rows) and values.shape[1] > LOOK:
        found[rows] = pd.DataFrame(values[rows]).duplicated(keep=False).to_numpy()
    return found
