"""Cosines of a map's vectors, the sorted null that ranks are taken among, and what counts as recalled."""

from collections.abc import Collection

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from cwamsn.errors import InputError
from cwamsn.tables import feature_columns
from cwamsn.vectors import unit_rows

THRESHOLDS = ((0.05, 0.95), (0.1, 0.9))  # percentile ranks: a pair below the first or above the second is recalled
NULLS = ("crispr", "whole-map")
SAME = 1e-12  # cosines that differ by less are equal but for rounding


def cosines(features: np.ndarray, others: np.ndarray | None = None) -> np.ndarray:
    """Cosine similarity of the rows of `features` (n, d) with those of `others` (m, d), or with each other: (n, m).

    One BLAS thread, so that the digits do not depend on the machine's number of cores. A zero row has cosine 0.
    """
    left = unit_rows(features)
    right = left if others is None else unit_rows(others)
    with threadpool_limits(1, "blas"):
        return left @ right.T


def percentile_ranks(null: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Share of the sorted `null` strictly below each value, and the share not above it."""
    left = np.searchsorted(null, values, side="left") / len(null)
    right = np.searchsorted(null, values, side="right") / len(null)
    return left, right


def is_recalled(null: np.ndarray, values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Whether each value lies in the lower `low` or upper 1 - `high` tail of the sorted `null` (both ends counted)."""
    left, right = percentile_ranks(null, values)
    return (right <= low) | (left >= high)


def null_rows(perturbation_map: pd.DataFrame, null: str = "crispr") -> pd.DataFrame:
    """Rows of the map whose pairs form the null, in an order that does not depend on the map's.

    `crispr`: the CRISPR rows, the control row among them (735 genes + EMPTY_control on RxRx3-core). `whole-map`: every
    row, compounds at every dose included, as older notebooks and CellCLIP's script do; its recalls are not comparable.
    """
    if null not in NULLS:
        raise InputError(f"gene_gene.null_rows: {null!r} is not known; known: {', '.join(NULLS)}")
    keys = ["perturbation_type", "perturbation", "concentration"]
    rows = perturbation_map if null == "whole-map" else perturbation_map[perturbation_map.perturbation_type == "CRISPR"]
    if len(rows) < 2:
        raise InputError(f"the map has {len(rows)} CRISPR rows; a null needs at least two")
    return rows.sort_values([k for k in keys if k in rows.columns], ignore_index=True)


def _upper_triangle(features: np.ndarray, keep: np.ndarray, block: int = 1024) -> tuple[np.ndarray, np.ndarray]:
    """Sorted cosines of all pairs of rows, and the matrix of those among the rows `keep` (ascending).

    Blocks of rows, since the whole map's matrix would take 1.6 GB. Both results hold the same numbers, so that a pair
    never differs from its own entry in the null by a last digit.
    """
    unit, n = unit_rows(features), len(features)
    null, matrix, filled = np.empty(n * (n - 1) // 2), np.eye(len(keep)), 0
    for start in range(0, n, block):
        stop = min(start + block, n)
        with threadpool_limits(1, "blas"):
            part = unit[start:stop] @ unit[start:].T
        for row in range(stop - start):
            values = part[row, row + 1 :]
            null[filled : filled + len(values)] = values
            filled += len(values)
        inside = np.flatnonzero((keep >= start) & (keep < stop))
        if len(inside):
            right = np.arange(inside[0], len(keep))
            matrix[np.ix_(inside, right)] = part[np.ix_(keep[inside] - start, keep[right] - start)]
    null.sort()
    matrix = np.triu(matrix, 1)
    return null, matrix + matrix.T + np.eye(len(keep))


class Similarities:
    """Cosines of a map's genes with each other and the sorted null, computed once for all sources and thresholds."""

    def __init__(self, perturbation_map: pd.DataFrame, null: str = "crispr", exclude: Collection[str] = ()):
        rows = null_rows(perturbation_map, null)
        rows = rows[~rows["perturbation"].isin(set(exclude))].reset_index(drop=True)
        names = rows["perturbation"].to_numpy(str)
        crispr = np.flatnonzero(rows["perturbation_type"].to_numpy() == "CRISPR")
        self.index = pd.Series(np.arange(len(crispr)), index=names[crispr])
        if self.index.index.has_duplicates:
            name = self.index.index[self.index.index.duplicated()][0]
            raise InputError(f"the map has several CRISPR rows of {name!r}; keep one")
        features = feature_columns(rows.columns)
        if len(features) < 2:
            raise InputError(
                "the map has one dimension, in which every cosine is 1 or -1; give more features, controls "
                "that vary in more directions, or more components"
            )
        self.null, self.matrix = _upper_triangle(rows[features].to_numpy(), crispr)
        if len(self.null) > 1 and self.null[-1] - self.null[0] < SAME:
            raise InputError(
                f"all {len(self.null)} pairs of the map have the same cosine ({self.null[0]:.3g}); "
                "its vectors distinguish nothing; look at the embeddings and the controls"
            )

    @property
    def genes(self) -> list[str]:
        return list(self.index.index)

    def of(self, pairs: pd.DataFrame) -> np.ndarray:
        """Cosine of each pair of a table `entity1`, `entity2`."""
        return self.matrix[self.index[pairs["entity1"]].to_numpy(), self.index[pairs["entity2"]].to_numpy()]

    def recalled(self, pairs: pd.DataFrame, low: float, high: float) -> np.ndarray:
        """Whether each pair is recalled."""
        return is_recalled(self.null, self.of(pairs), low, high)

    def in_right_tail(self, pairs: pd.DataFrame, high: float) -> np.ndarray:
        """Whether each pair is recalled as similar: in the upper 1 - `high` tail alone."""
        return percentile_ranks(self.null, self.of(pairs))[0] >= high

    def left(self, pairs: pd.DataFrame) -> pd.DataFrame:
        """Those of `pairs` that have a cosine; at a level of stringency some may have none."""
        return pairs[~np.isnan(self.of(pairs))].reset_index(drop=True)
