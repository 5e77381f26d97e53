"""Where the partners of each profile stand in its ranking of the other compounds or genes."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from scipy import sparse
from threadpoolctl import threadpool_limits

from cwamsn.benchmarks.enrichment.consensus import Consensus
from cwamsn.errors import InputError
from cwamsn.vectors import unit_rows

_BLOCK = 256  # queries per product


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


def rank_partners(profiles: Consensus, relation: sparse.csr_array, across: bool = False) -> Iterator[Ranked]:
    """Rank the candidates of every profile that has a partner among them.

    Ties of cosines stand in the order of names. The item itself is never a candidate.

    Parameters
    ----------
    profiles : one per item, or, with `across`, one for each block of an item
    relation : (I, I) bool over the items in sorted order, as :mod:`cwamsn.benchmarks.enrichment.relations` makes it
    across : whether a profile's candidates are those of other blocks alone, each item by its most similar profile there
    """
    names, item = np.unique(profiles.items.astype(str), return_inverse=True)
    if relation.shape[0] != len(names):
        raise InputError(f"enrichment: a relation of {relation.shape[0]} items for {len(names)} in the profiles")
    if not across and len(names) < len(item):
        raise InputError("enrichment: several profiles of one item; take their mean, or rank across blocks")
    unit = unit_rows(profiles.vectors)
    starts = np.searchsorted(item, np.arange(len(names)))
    blocks = profiles.blocks.astype(str)
    for first in range(0, len(unit), _BLOCK):
        with threadpool_limits(1, "blas"):
            similar = unit[first : first + _BLOCK] @ unit.T
        for query, values in enumerate(similar, start=first):
            own = int(item[query])
            partners = relation.indices[relation.indptr[own] : relation.indptr[own + 1]]
            if not len(partners):
                continue
            if across:
                values[blocks == blocks[query]] = -np.inf
                values = np.maximum.reduceat(values, starts)
            values[own] = -np.inf
            partners = np.sort(partners[np.isfinite(values[partners])])
            if not len(partners):
                continue
            places = [(values > values[p]).sum() + (values[:p] == values[p]).sum() for p in partners]
            found = np.sort(np.asarray(places, dtype=np.int64))
            yield Ranked(names[own], blocks[query], int(np.isfinite(values).sum()), found)
