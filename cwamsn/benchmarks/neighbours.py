"""The nearest rows of every row of a large table, exactly, by blocked products of one half of all pairs.

222,601 wells have 25 billion pairs: each product of two blocks serves the rows of both, and only what comes nearer than
a row's list so far is looked at.
"""

import numpy as np
from threadpoolctl import threadpool_limits

_BLOCK = 4096  # rows of a block: a product of 67 MB
_SPARE = 8  # listed beyond what is asked for, since single precision may swap near ties at a list's end
_ROWS = 256  # rows whose distances are computed again at a time


def nearest_rows(features: np.ndarray, k: int, threads: int = 1) -> np.ndarray:
    """Positions of the k nearest other rows (Euclidean) of each row of `features` (n, d), nearest first: (n, k).

    Candidates are found in single precision and ordered by distances in double precision; of equal distances the
    smaller position comes first. k is at most n - 1.
    """
    x = np.ascontiguousarray(features, dtype=np.float32)
    n = len(x)
    if not 1 <= k < n:
        raise ValueError(f"{k} nearest of {n - 1} other rows")
    listed = min(k + _SPARE, n - 1)
    half = 0.5 * np.einsum("ij,ij->i", x, x, dtype=np.float64).astype(np.float32)
    blocks = [slice(start, min(start + _BLOCK, n)) for start in range(0, n, _BLOCK)]
    lists = _Lists(n, listed)
    with threadpool_limits(threads, "blas"):
        for block in blocks:  # first a row's own block, so that its list is not empty when it meets the others
            product = x[block] @ x[block].T - half[block]
            np.fill_diagonal(product, -np.inf)
            lists.begin(block, product)
        for i, rows in enumerate(blocks):
            for columns in blocks[i + 1 :]:
                product = x[rows] @ x[columns].T
                nearness = product - half[columns]
                found, place = np.nonzero(nearness > lists.least[rows, None])
                lists.take(rows.start + found, columns.start + place, nearness[found, place])
                product -= half[rows, None]
                place, found = np.nonzero(product > lists.least[columns])
                order = np.argsort(found, kind="stable")
                found, place = found[order], place[order]
                lists.take(columns.start + found, rows.start + place, product[place, found])
    return _in_order(x, lists.position, k)


class _Lists:
    """The best candidates of each row so far, by nearness: x · y - |y|² / 2, which is largest for the nearest y."""

    def __init__(self, n: int, size: int):
        self.size = size
        self.value = np.full((n, size), -np.inf, np.float32)
        self.position = np.zeros((n, size), np.int64)
        self.least = np.full(n, -np.inf, np.float32)
        """What a candidate has to exceed."""

    def begin(self, block: slice, nearness: np.ndarray) -> None:
        """Fill the lists of a block from its own rows; nearness: (rows, rows)."""
        size = min(self.size, nearness.shape[1])
        best = np.argpartition(-nearness, size - 1, axis=1)[:, :size]
        self.value[block, :size] = np.take_along_axis(nearness, best, axis=1)
        self.position[block, :size] = best + block.start
        self.least[block] = self.value[block].min(axis=1)

    def take(self, rows: np.ndarray, candidates: np.ndarray, nearness: np.ndarray) -> None:
        """Candidates (m,) of `rows` (m,), sorted by row, that are nearer than the last of their lists."""
        if not len(rows):
            return
        at, starts, counts = np.unique(rows, return_index=True, return_counts=True)
        line = np.repeat(np.arange(len(at)), counts)
        within = self.size + np.arange(len(rows)) - np.repeat(starts, counts)
        value = np.full((len(at), self.size + int(counts.max())), -np.inf, np.float32)
        position = np.zeros(value.shape, np.int64)
        value[:, : self.size], position[:, : self.size] = self.value[at], self.position[at]
        value[line, within], position[line, within] = nearness, candidates
        best = np.argpartition(-value, self.size - 1, axis=1)[:, : self.size]
        self.value[at] = np.take_along_axis(value, best, axis=1)
        self.position[at] = np.take_along_axis(position, best, axis=1)
        self.least[at] = self.value[at].min(axis=1)


def _in_order(x: np.ndarray, candidates: np.ndarray, k: int) -> np.ndarray:
    """The k nearest of each row's candidates (n, m), by distances in double precision, then position."""
    out = np.empty((len(x), k), dtype=np.int64)
    candidates = np.sort(candidates, axis=1)
    for start in range(0, len(x), _ROWS):
        some = candidates[start : start + _ROWS]
        difference = x[some].astype(np.float64) - x[start : start + _ROWS, None].astype(np.float64)
        distance = np.einsum("nmd,nmd->nm", difference, difference)
        order = np.argsort(distance, axis=1, kind="stable")[:, :k]
        out[start : start + _ROWS] = np.take_along_axis(some, order, axis=1)
    return out
