"""The nearest rows of every row of a large table, exactly, by blocked products of one half of all pairs.

222,601 wells have 25 billion pairs: each product of two blocks serves the rows of both, and only what comes nearer than
a row's list so far is looked at.
"""

from concurrent.futures import ThreadPoolExecutor
from itertools import product

import numpy as np
from threadpoolctl import threadpool_limits

_BLOCK = 4096  # rows whose lists are updated together
_TILE = (256, 2048)  # rows and columns of a product: 2 MB, which a core's cache still holds when it is looked at
_SPARE = 8  # listed beyond what is asked for, since single precision may swap near ties at a list's end
_ROWS = 16  # rows whose distances are computed again at a time


def nearest_rows(features: np.ndarray, k: int, threads: int = 1) -> np.ndarray:
    """Positions of the k nearest other rows (Euclidean) of each row of `features` (n, d), nearest first: (n, k).

    Candidates are found in single precision and ordered by distances in double precision; of equal distances the
    smaller position comes first. k is at most n - 1. `threads` change no digit.
    """
    x = np.ascontiguousarray(features, dtype=np.float32)
    n = len(x)
    if not 1 <= k < n:
        raise ValueError(f"{k} nearest of {n - 1} other rows")
    lists = _Lists(n, min(k + _SPARE, n - 1))
    left, right = _augmented(x)
    blocks = [slice(start, min(start + _BLOCK, n)) for start in range(0, n, _BLOCK)]
    # set once, outside the threads: the limit is the process's
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(threads) as pool:
        for block in blocks:  # first a row's own block, so that its list is not empty when it meets the others
            nearness = left[block] @ right[block].T
            np.fill_diagonal(nearness, -np.inf)
            lists.begin(block, nearness)
        for i, rows in enumerate(blocks):
            for columns in blocks[i + 1 :]:
                found = list(pool.map(lambda tile: lists.nearer(left, right, *tile), _tiles(rows, columns)))
                parts = [np.concatenate(part) for part in zip(*found)]
                list(pool.map(lists.take, parts[0::3], parts[1::3], parts[2::3]))  # of rows and columns
        candidates = np.sort(lists.position, axis=1)
        starts = range(0, n, _ROWS)
        return np.concatenate(
            list(pool.map(lambda start: _in_order(x, candidates[start : start + _ROWS], start, k), starts))
        )


def _augmented(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(n, d + 2) left and right factors whose products are the nearness of two rows, -|x - y|² / 2.

    The distance of two rows is that of the centred ones, whose lengths lose less in single precision.
    """
    centred = x - x.mean(axis=0, dtype=np.float64).astype(np.float32)
    half = 0.5 * np.einsum("ij,ij->i", centred, centred, dtype=np.float64).astype(np.float32)[:, None]
    one = np.ones_like(half)
    return np.hstack([centred, -half, one]), np.hstack([centred, one, -half])


def _tiles(rows: slice, columns: slice) -> list[tuple[slice, slice]]:
    """The parts of a block of all pairs, each at most a `_TILE`."""
    parts = [
        [slice(start, min(start + size, whole.stop)) for start in range(whole.start, whole.stop, size)]
        for whole, size in zip((rows, columns), _TILE)
    ]
    return list(product(*parts))


class _Lists:
    """The best candidates of each row so far, by nearness."""

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

    def nearer(self, left: np.ndarray, right: np.ndarray, rows: slice, columns: slice) -> tuple[np.ndarray, ...]:
        """Candidates in one tile: rows, candidates and nearness for its rows, and the same for its columns."""
        nearness = left[rows] @ right[columns].T
        width = nearness.shape[1]
        first = np.flatnonzero(nearness > self.least[rows, None])
        second = np.flatnonzero(nearness > self.least[columns])
        values = nearness.ravel()
        mine, theirs = (np.divmod(found, width) for found in (first, second))
        return (
            mine[0] + rows.start,
            mine[1] + columns.start,
            values[first],
            theirs[1] + columns.start,
            theirs[0] + rows.start,
            values[second],
        )

    def take(self, rows: np.ndarray, candidates: np.ndarray, nearness: np.ndarray) -> None:
        """Candidates (m,) of `rows` (m,) that are nearer than the last of their lists."""
        if not len(rows):
            return
        order = np.argsort(rows, kind="stable")
        rows, candidates, nearness = rows[order], candidates[order], nearness[order]
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


def _in_order(x: np.ndarray, candidates: np.ndarray, start: int, k: int) -> np.ndarray:
    """The k nearest of the candidates (n, m) of the rows from `start` on, by distances in double precision."""
    own = x[start : start + len(candidates), None].astype(np.float64)
    difference = x[candidates] - own
    distance = np.einsum("nmd,nmd->nm", difference, difference)
    order = np.argsort(distance, axis=1, kind="stable")[:, :k]
    nearest: np.ndarray = np.take_along_axis(candidates, order, axis=1)
    return nearest
