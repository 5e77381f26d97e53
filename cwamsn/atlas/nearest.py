"""The nearest perturbations of every one: by permuted wells on small screens, by ranks on large ones."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from cwamsn.atlas.options import AtlasOptions
from cwamsn.files import progress
from cwamsn.hits import NeighbourOptions, neighbours_of
from cwamsn.hits.nearest import Perturbations

_BLOCK = 1024  # perturbations whose similarities are held at once

WORDS = {
    "wells": "p: how often as many random wells of the same plates come as near (labels of wells permuted per plate)",
    "perturbations": "p: how often a random perturbation comes as near to the neighbour (labels of perturbations "
    "permuted)",
    "none": "no p-value was computed",
}
"""What is said of the p-values, by their null."""


@dataclass(frozen=True, eq=False)
class Nearest:
    """Of P perturbations and doses, the k nearest others; -1 where there are fewer."""

    index: np.ndarray
    """(P, k) int32."""
    similarity: np.ndarray
    """(P, k) float32, cosine of profiles."""
    p_value: np.ndarray
    """(P, k) float32; NaN where there is none."""
    null: str
    """`wells`, `perturbations` or `none`."""


def nearest_of_all(screen: Perturbations, options: AtlasOptions) -> Nearest:
    """The nearest perturbations of each; other doses of its own are no neighbours."""
    null = options.p_values
    if null == "auto":
        null = "wells" if len(screen.keys) <= options.wells_null_up_to else "perturbations"
    labels = pd.factorize(screen.keys["perturbation"])[0]
    if labels.max(initial=0) == 0:
        empty = np.full((len(labels), options.k), np.nan, dtype=np.float32)
        return Nearest(np.full(empty.shape, -1, dtype=np.int32), empty, empty, "none")
    found = by_ranks(screen.profiles, labels, options.k)
    if null == "wells":
        return _by_wells(screen, found, options)
    if null == "none":
        return Nearest(found.index, found.similarity, np.full_like(found.p_value, np.nan), "none")
    return found


def _by_wells(screen: Perturbations, found: Nearest, options: AtlasOptions) -> Nearest:
    """The same neighbours with the p-values of :func:`cwamsn.hits.neighbours_of`."""
    asked = NeighbourOptions(k=options.k, null_size=options.null_size, refined_null_size=0, seed=options.seed)
    place = pd.MultiIndex.from_frame(screen.keys[["perturbation_type", "perturbation", "concentration"]].fillna(-1))
    p_value = np.full_like(found.p_value, np.nan)
    index, similarity = found.index.copy(), found.similarity.copy()
    for query in progress(range(len(screen.keys)), "neighbours", unit="query"):
        table = neighbours_of(screen, int(query), asked).table
        keys = pd.MultiIndex.from_frame(table[["perturbation_type", "perturbation", "concentration"]].fillna(-1))
        index[query, : len(table)] = place.get_indexer(keys)
        similarity[query, : len(table)] = table["similarity"]
        p_value[query, : len(table)] = table["p_value"]
    return Nearest(index, similarity, p_value, "wells")


def by_ranks(profiles: np.ndarray, labels: np.ndarray, k: int) -> Nearest:
    """Neighbours with the p-values of :func:`cwamsn.hits.nearest.neighbours_without_wells`, all at once.

    Parameters
    ----------
    profiles : (P, D), of length 1
    labels : (P,) codes of perturbations; doses of one share its code
    k : neighbours

    Notes
    -----
    p is the rank of the query among the neighbour's own neighbours, over the number of perturbations and doses that are
    neither the query's other doses nor the neighbour's own. Similarities are computed block by block, twice; memory
    grows with P, not with its square.
    """
    unit = np.ascontiguousarray(profiles, dtype=np.float32)
    count, size = len(labels), np.bincount(labels)
    k = min(k, count)
    index = np.full((count, k), -1, dtype=np.int32)
    similarity = np.full((count, k), np.nan, dtype=np.float32)
    with threadpool_limits(1, "blas"):
        for start in range(0, count, _BLOCK):
            rows = np.arange(start, min(start + _BLOCK, count))
            block = unit[rows] @ unit.T
            block[labels[rows][:, None] == labels[None, :]] = -np.inf
            top = np.argpartition(-block, k - 1, axis=1)[:, :k]
            values = np.take_along_axis(block, top, axis=1)
            order = np.lexsort((top, -values), axis=1)
            values, top = np.take_along_axis(values, order, axis=1), np.take_along_axis(top, order, axis=1)
            known = np.isfinite(values)
            index[rows], similarity[rows] = np.where(known, top, -1), np.where(known, values, np.nan)
        reverse = _reverse_ranks(unit, labels, index)
    query, slot = np.nonzero(index >= 0)
    near = index[query, slot]
    p_value = np.full(index.shape, np.nan, dtype=np.float32)
    p_value[query, slot] = reverse[query, slot] / (count - size[labels[query]] - size[labels[near]] + 1)
    return Nearest(index, similarity, p_value, "perturbations")


def _reverse_ranks(unit: np.ndarray, labels: np.ndarray, index: np.ndarray) -> np.ndarray:
    """(P, k) rank of each query among the neighbours of those that it lists; its own other doses do not count."""
    query, slot = np.nonzero(index >= 0)
    near = index[query, slot]
    order = np.argsort(near, kind="stable")
    query, slot, near = query[order], slot[order], near[order]
    bounds = np.searchsorted(near, np.arange(len(labels) + 1))
    doses = _members(labels)
    out = np.zeros(index.shape, dtype=np.int64)
    for start in range(0, len(labels), _BLOCK):
        stop = min(start + _BLOCK, len(labels))
        block = unit[start:stop] @ unit.T
        for row, line in enumerate(block, start):
            here = slice(bounds[row], bounds[row + 1])
            if here.start == here.stop:
                continue
            limit = line[query[here]]
            others = line.copy()
            others[doses[labels[row]]] = -np.inf
            above = len(others) - np.searchsorted(np.sort(others), limit, side="right")
            own = [int((line[doses[label]] > value).sum()) for label, value in zip(labels[query[here]], limit)]
            out[query[here], slot[here]] = 1 + above - np.array(own)
    return out


def _members(labels: np.ndarray) -> list[np.ndarray]:
    order = np.argsort(labels, kind="stable")
    return np.split(order, np.cumsum(np.bincount(labels))[:-1])
