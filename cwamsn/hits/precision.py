"""Average precision of a perturbation's wells against controls, as copairs defines it, for many sets of wells at once.

A well is a query. Its positives are the other wells of its set (on other plates), its negatives the controls of its
stratum. With the positives sorted by falling cosine, AP is the mean over t = 1, 2, ... of t / (rank of the t-th).
"""

from dataclasses import dataclass

import numpy as np

from cwamsn.hits.draws import blocks

NUMBERS = 1 << 21  # compared at once


@dataclass(frozen=True, eq=False)
class Ranking:
    """How M wells, those of a perturbation and their controls, rank each other."""

    cosine: np.ndarray
    """(M, M)."""
    above: np.ndarray
    """(M, M): of well i, how many others of its stratum have a cosine with it at least that of well j."""
    stratum: np.ndarray
    """(M,) code: a well's controls are of its own stratum."""
    plate: np.ndarray
    """(M,) code: wells of one plate are no positives of each other. All different: no such rule."""


def ranking(unit: np.ndarray, stratum: np.ndarray, plate: np.ndarray) -> Ranking:
    """Rank M wells.

    Parameters
    ----------
    unit : (M, D) vectors of length 1
    stratum, plate : (M,) codes
    """
    cosine = unit @ unit.T
    cosine = np.triu(cosine) + np.triu(cosine, 1).T  # a pair has one cosine, to the last digit
    above = np.empty(cosine.shape, dtype=np.int32)
    for code in np.unique(stratum):
        inside = np.flatnonzero(stratum == code)
        for row in inside:
            pool = np.sort(cosine[row, inside[inside != row]])
            above[row] = len(pool) - np.searchsorted(pool, cosine[row], side="left")
    return Ranking(cosine, above, stratum, plate)


def average_precisions(wells: Ranking, sets: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """AP of each well of each set, where the wells that a set leaves are its controls. A tie counts as a miss.

    Parameters
    ----------
    wells : the ranking
    sets : (B, n) wells of each set; a column is of one stratum

    Returns
    -------
    AP, NaN without a positive or a negative; positives; negatives: (B, n) each.
    """
    n = sets.shape[1]
    precision, positives = np.full(sets.shape, np.nan), np.zeros(sets.shape, dtype=np.int64)
    strata = wells.stratum[sets[0]]
    left = np.bincount(wells.stratum)[strata] - np.bincount(strata)[strata]
    for part in blocks(len(sets), max(1, NUMBERS // max(1, n * n))):
        chosen = sets[part]
        for query in range(n):
            if n > 1 and left[query]:
                found = _of_query(wells, chosen, query, strata == strata[query])
                precision[part, query], positives[part, query] = found
    return precision, positives, np.broadcast_to(left, sets.shape)


def _of_query(wells: Ranking, sets: np.ndarray, query: int, same: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """AP and number of positives of column `query` of each set; `same` says which columns are of its stratum."""
    own = sets[:, query, None]
    others = np.delete(sets, query, axis=1)
    cosine = np.where(wells.plate[others] != wells.plate[own], wells.cosine[own, others], -np.inf)
    order = np.argsort(-cosine, axis=1, kind="stable")
    others, cosine = np.take_along_axis(others, order, axis=1), np.take_along_axis(cosine, order, axis=1)
    outranking = wells.above[own, others]
    for column in np.flatnonzero(same):  # of those that outrank, the set's own wells are no controls
        if column != query:
            outranking = outranking - (wells.cosine[own, sets[:, column, None]] >= cosine)
    positive = np.isfinite(cosine)
    place = np.arange(1, sets.shape[1])
    count = positive.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(positive, place / (place + outranking), 0.0).sum(axis=1) / count, count


def over_queries(values: np.ndarray) -> np.ndarray:
    """(B,) mean over the queries of each set that have an AP; NaN where none has."""
    known = np.isfinite(values)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(known, values, 0.0).sum(axis=1) / known.sum(axis=1)


def expected_precision(positives: np.ndarray, negatives: np.ndarray) -> np.ndarray:
    """Mean AP of random ranks: (1 / L) ((M - 1) / (L - 1) (L - H) + H), L = M + N, H the L-th harmonic number.

    Source: copairs 0.5.5, `normalization.expected_ap`.

    Parameters
    ----------
    positives, negatives : M and N of each query, at least 1
    """
    total = positives + negatives
    harmonic = np.concatenate([[0.0], np.cumsum(1 / np.arange(1, int(total.max(initial=0)) + 1))])[total]
    return np.asarray(((positives - 1) / (total - 1) * (total - harmonic) + harmonic) / total)
