"""Where the partners of each profile stand in its ranking of the other compounds or genes.

30,000 compounds in four batches are 120,000 profiles with 14 billion pairs, so products are taken in blocks. They are
in double precision: single precision would leave some thirty candidates near every partner in an order that a second,
exact product had to settle, which takes as long as it saves.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from scipy import sparse
from threadpoolctl import threadpool_limits

from cwamsn.benchmarks.enrichment.consensus import Consensus
from cwamsn.errors import InputError
from cwamsn.vectors import unit_rows

_BLOCK = 128  # queries per product; with 30,000 candidates 31 MB
_ROWS = 4096  # pairs whose cosines are computed once more at a time


class Ranked(NamedTuple):
    """One query: a profile, and its partners among its candidates."""

    item: str
    block: str
    candidates: int
    positions: np.ndarray
    """(K,) places of the partners in the ranking by cosine, from 0, ascending."""


def retrieved_for(candidates: int, least: int = 1) -> int:
    """k: one in a hundred of the candidates, rounded down, and at least `least`."""
    return max(least, candidates // 100)


def rank_partners(
    profiles: Consensus, relation: sparse.csr_array, across: bool = False, threads: int = 1
) -> list[Ranked]:
    """Rank the candidates of every profile that has a partner among them.

    Ties of cosines stand in the order of names. The item itself is never a candidate.

    Parameters
    ----------
    profiles : one per item, or, with `across`, one for each block of an item
    relation : (I, I) bool over the items in sorted order, as :mod:`cwamsn.benchmarks.enrichment.relations` makes it
    across : whether a profile's candidates are those of other blocks alone, each item by its most similar profile there
    threads : of this process; no digit depends on them

    Returns
    -------
    Queries in the order of their profiles.

    Raises
    ------
    InputError
        The relation is not of the items of the profiles, or an item has several profiles and no block to tell them by.
    """
    names, item = np.unique(profiles.items.astype(str), return_inverse=True)
    if relation.shape[0] != len(names):
        raise InputError(f"enrichment: a relation of {relation.shape[0]} items for {len(names)} in the profiles")
    if not across and len(names) < len(item):
        raise InputError("enrichment: several profiles of one item; take their mean, or rank across blocks")
    blocks = profiles.blocks.astype(str)
    block = np.unique(blocks, return_inverse=True)[1] if across else np.zeros_like(item)
    ranking = _Ranking(
        unit_rows(profiles.vectors), item, block, hidden=block if across else block - 1, relation=relation
    )
    parts = list(_parts(block))
    # set once, outside the threads: the limit is the process's
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(threads) as pool:
        found = [row for rows in pool.map(ranking.of, parts) for row in rows]
    found.sort(key=lambda row: row[0])
    return [Ranked(names[item[query]], blocks[query], count, places) for query, count, places in found]


def _parts(block: np.ndarray) -> Iterator[np.ndarray]:
    """Positions of at most `_BLOCK` profiles of one block each."""
    order = np.argsort(block, kind="stable")
    for members in np.split(order, np.flatnonzero(np.diff(block[order])) + 1):
        yield from (members[start : start + _BLOCK] for start in range(0, len(members), _BLOCK))


class _Ranking:
    """All profiles, as candidates and as queries.

    Items with more profiles come first, and a layer holds one profile of each item that has so many. So the best
    profile of an item is a running maximum over layers, each of which is the begin of the one before.
    """

    def __init__(
        self, unit: np.ndarray, item: np.ndarray, block: np.ndarray, hidden: np.ndarray, relation: sparse.csr_array
    ):
        """unit: (P, D) profiles of length 1, those of an item one after another; item, block: (P,) codes.

        hidden: (P,) block that a profile may not see.
        """
        self.item, self.block, self.hidden, self.relation = item, block, hidden, relation
        counts = np.bincount(item)
        self.starts = np.cumsum(counts) - counts
        self.counts = counts
        self.order = np.argsort(-counts, kind="stable")
        """Item of each column of a product."""
        self.column = np.argsort(self.order, kind="stable")
        self.layers = [
            self.starts[self.order[: np.count_nonzero(counts > number)]] + number for number in range(counts.max())
        ]
        self.unit = unit
        one = len(self.layers) == 1  # then in order already
        self.vectors = [unit if one else unit[profiles] for profiles in self.layers]
        # Twice what a sum of so many products in double precision can be off: two cosines that are nearer are
        # computed once more, the same way for all, so that equal profiles tie whatever the product did.
        self.tolerance = 4 * (unit.shape[1] + 2) * float(np.finfo(np.float64).eps)

    def of(self, queries: np.ndarray) -> list[tuple[int, int, np.ndarray]]:
        """(query, candidates, places of its partners) of profiles of one block that have a partner."""
        partners = [self._partners(query) for query in queries.tolist()]
        kept = [number for number, found in enumerate(partners) if len(found)]
        queries, partners = queries[kept], [partners[number] for number in kept]
        if not len(queries):
            return []
        similar, there = self._similar(queries)
        own = self.column[self.item[queries]]
        similar[np.arange(len(queries)), own] = -np.inf
        candidates = np.count_nonzero(there) - there[own]
        ordered = np.sort(similar, axis=1)
        rows = []
        for number, query in enumerate(queries.tolist()):
            columns = self.column[partners[number]]
            columns = columns[there[columns]]
            if len(columns):
                places = self._places(query, columns, similar[number], ordered[number])
                rows.append((query, int(candidates[number]), np.sort(places)))
        return rows

    def _partners(self, query: int) -> np.ndarray:
        """Items that are partners of a profile's item."""
        item = self.item[query]
        found: np.ndarray = self.relation.indices[self.relation.indptr[item] : self.relation.indptr[item + 1]]
        return found

    def _similar(self, queries: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(Q, I) cosine with the most similar profile of each item in another block, and (I,) which items have one."""
        wanted, hidden = self.unit[queries], self.hidden[queries[0]]
        similar = np.full((len(queries), len(self.order)), -np.inf)
        there = np.zeros(len(self.order), dtype=bool)
        for profiles, vectors in zip(self.layers, self.vectors):
            own = self.block[profiles] == hidden
            if own.all():
                continue
            found = wanted @ vectors.T
            if own.any():
                found[:, own] = -np.inf
            first = slice(len(profiles))
            np.maximum(similar[:, first], found, out=similar[:, first])
            there[first] |= ~own
        return similar, there

    def _places(self, query: int, columns: np.ndarray, similar: np.ndarray, ordered: np.ndarray) -> np.ndarray:
        """Places of the items in `columns` in the ranking of a query; ordered: the values of `similar`, ascending."""
        values = similar[columns]
        above = len(ordered) - np.searchsorted(ordered, values + self.tolerance, side="right")
        within = len(ordered) - np.searchsorted(ordered, values - self.tolerance, side="left") - above
        for number in np.flatnonzero(within > 1).tolist():
            near = self.order[np.abs(similar - values[number]) <= self.tolerance]
            exact, one = self._cosines(query, near), self.order[columns[number]]
            own = exact[near == one][0]
            above[number] += np.count_nonzero((exact > own) | ((exact == own) & (near < one)))
        places: np.ndarray = above
        return places

    def _cosines(self, query: int, items: np.ndarray) -> np.ndarray:
        """As in `_similar`, of one query and some items, each sum in the same order."""
        found = [self._cosines_of(query, items[start : start + _ROWS]) for start in range(0, len(items), _ROWS)]
        return np.concatenate(found)

    def _cosines_of(self, query: int, items: np.ndarray) -> np.ndarray:
        counts = self.counts[items]
        first = np.cumsum(counts) - counts
        profiles = np.repeat(self.starts[items] - first, counts) + np.arange(counts.sum())
        values = np.einsum("ij,j->i", self.unit[profiles], self.unit[query])
        values[self.block[profiles] == self.hidden[query]] = -np.inf
        best: np.ndarray = np.maximum.reduceat(values, first)
        return best
