"""Random sets of wells with the layout of given ones: what permuted labels would have put in their place."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Layout:
    """Wells of one perturbation, and those that their labels are permuted among, stratum by stratum."""

    pools: Sequence[np.ndarray]
    """Of each stratum, the rows that a label may fall on; the perturbation's own are among them."""
    taken: Sequence[int]
    """Of each stratum, how many rows the perturbation has."""

    @property
    def size(self) -> int:
        """Rows of the perturbation."""
        return sum(self.taken)

    @property
    def distinct(self) -> float:
        """Different sets of rows that a permutation of the labels can give; no p-value is below its reciprocal."""
        return math.prod(float(math.comb(len(pool), n)) for pool, n in zip(self.pools, self.taken))

    def draw(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """(count, size) rows: each set equally likely, independent of the others."""
        parts = [pool[subsets(len(pool), n, count, rng)] for pool, n in zip(self.pools, self.taken)]
        return np.concatenate(parts, axis=1)


def layout_of(members: np.ndarray, allowed: np.ndarray, stratum: np.ndarray) -> Layout:
    """The layout of the rows `members`.

    Parameters
    ----------
    members : rows of a perturbation
    allowed : (N,) bool, rows that its labels may fall on besides
    stratum : (N,) codes; a label stays in its stratum
    """
    allowed = allowed.copy()
    allowed[members] = True
    codes, taken = np.unique(stratum[members], return_counts=True)
    return Layout([np.flatnonzero(allowed & (stratum == code)) for code in codes], taken.tolist())


def subsets(size: int, taken: int, count: int, rng: np.random.Generator) -> np.ndarray:
    """(count, taken) random subsets of range(size), each equally likely (Floyd's algorithm, row by row at once)."""
    out = np.empty((count, taken), dtype=np.int64)
    for place, last in enumerate(range(size - taken, size)):
        found = rng.integers(0, last + 1, size=count)
        repeated = (out[:, :place] == found[:, None]).any(axis=1)
        out[:, place] = np.where(repeated, last, found)
    return out


def blocks(count: int, size: int) -> Iterator[slice]:
    """Slices of at most `size` that cover range(count)."""
    for start in range(0, count, size):
        yield slice(start, min(start + size, count))
