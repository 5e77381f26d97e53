"""Do replicates agree: cosines of a perturbation's wells on different plates, against those with other wells."""

import numpy as np
from scipy import sparse


def _sums(unit: np.ndarray, code: np.ndarray, count: int) -> np.ndarray:
    """(count, D) sums of rows by code; rows of code -1 are left out."""
    rows = np.flatnonzero(code >= 0)
    rows = rows[np.argsort(code[rows], kind="stable")]
    bounds = np.searchsorted(code[rows], np.arange(count + 1))
    return np.asarray(sparse.csr_array((np.ones(len(rows)), rows, bounds), shape=(count, len(unit))) @ unit)


def replicate_similarity(unit: np.ndarray, group: np.ndarray, plate: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean cosine over pairs of wells of a group that lie on different plates.

    Parameters
    ----------
    unit : (N, D) vectors of length 1
    group : (N,) codes from 0; -1: of no group
    plate : (N,) codes from 0

    Returns
    -------
    Mean cosine of each group, NaN without such a pair; number of pairs. The sum over pairs is that over all pairs less
    that within plates: (|sum u|² - sum over plates of |sum on the plate of u|²) / 2.
    """
    count = int(group.max(initial=-1)) + 1
    inside = group >= 0
    cells, cell = np.unique(
        group[inside].astype(np.int64) * (int(plate.max(initial=0)) + 1) + plate[inside], return_inverse=True
    )
    of_cell = (cells // (int(plate.max(initial=0)) + 1)).astype(np.int64)
    by_cell = np.full(len(group), -1)
    by_cell[inside] = cell
    per_cell = _sums(unit, by_cell, len(cells))
    total = _sums(per_cell, of_cell, count)
    sizes, in_group = np.bincount(cell, minlength=len(cells)), np.bincount(group[inside], minlength=count)
    pairs = (in_group.astype(float) ** 2 - np.bincount(of_cell, sizes.astype(float) ** 2, minlength=count)) / 2
    same = np.bincount(of_cell, np.einsum("ij,ij->i", per_cell, per_cell), minlength=count)
    sums = (np.einsum("ij,ij->i", total, total) - same) / 2
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(pairs > 0, sums / pairs, np.nan), pairs.astype(np.int64)


def other_similarity(unit: np.ndarray, members: np.ndarray, others: np.ndarray, plate: np.ndarray) -> float:
    """Mean cosine of the rows `members` with those of `others` that lie on other plates; NaN without any.

    Parameters
    ----------
    unit : (N, D) vectors of length 1
    members : rows of a perturbation
    others : (N,) bool, wells of other perturbations
    plate : (N,) codes from 0
    """
    count = int(plate.max(initial=0)) + 1
    sums = _sums(unit, np.where(others, plate, -1), count)
    sizes = np.bincount(plate[others], minlength=count)
    total, number = sums.sum(axis=0), int(sizes.sum())
    pairs = sum(number - int(sizes[p]) for p in plate[members])
    value = sum(float(unit[m] @ (total - sums[plate[m]])) for m in members)
    return value / pairs if pairs else float("nan")
