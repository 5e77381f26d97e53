"""Cosines of genes at a level of stringency: from profiles that share no batch, source or well position.

MorphoHELM has levels for wells and for enrichment; its text is silent on recalls. Here two genes are as similar as
their profiles that a level admits are on average: one profile per gene and block (batch, source, position), the mean of
its wells; the similarity of two genes is the mean cosine over all pairs of their profiles that differ as the level
wants. The highest cosine, which enrichment takes, would favour genes with many profiles and empty the lower tail.
"""

from collections.abc import Sequence
from itertools import combinations, pairwise

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from cwamsn.benchmarks.similarity import Similarities
from cwamsn.benchmarks.stringency.levels import Level, levels_of, missing_column
from cwamsn.errors import InputError
from cwamsn.notes import note
from cwamsn.vectors import unit_rows
from cwamsn.wells import in_order_of_ids

NO_RESTRICTION = "NR"


def similarities_at_levels(
    of_map: Similarities, names: Sequence[str], aligned: tuple[np.ndarray, pd.DataFrame] | None = None
) -> dict[str, Similarities]:
    """Cosines of genes at each level that a screen can have; a note says why one is left out.

    Parameters
    ----------
    of_map : cosines of the map, which are those of NR
    names : levels
    aligned : aligned vectors (n, d) and their wells, row for row; None: a finished map, which has NR alone

    Raises
    ------
    InputError
        For an unknown level.
    """
    found: dict[str, Similarities] = {}
    for level in levels_of(names):
        if level.name == NO_RESTRICTION:
            found[level.name] = of_map
            continue
        if aligned is None:
            note(f"gene_gene at {level.name} ({level.text}) is not scored: a finished map has no wells")
            continue
        features, wells = aligned
        crispr = ((wells["perturbation_type"] == "CRISPR") & wells["perturbation"].notna()).to_numpy(bool)
        wells = wells[crispr].reset_index(drop=True)
        why = missing_column(level, wells)
        if why is None:
            at_level = SimilaritiesAtLevel(np.asarray(features)[crispr], wells, level)
            if len(at_level.null):
                found[level.name] = at_level
                continue
            why = "no two genes have wells that differ so"
        note(f"gene_gene at {level.name} ({level.text}) is not scored: {why}")
    return found


class SimilaritiesAtLevel(Similarities):
    """Mean cosine over the admitted pairs of two genes' profiles, NaN where there is none, and the sorted null."""

    def __init__(self, features: np.ndarray, wells: pd.DataFrame, level: Level):
        """features: (n, d) aligned vectors of CRISPR wells, controls included; wells: theirs, row for row."""
        features, wells = in_order_of_ids(np.asarray(features, dtype=np.float64), wells)
        blocks = wells[list(level.differ)].astype(str)
        table = pd.concat([wells[["perturbation"]].astype(str), blocks], axis=1)
        grouped = table.groupby(list(table.columns), sort=True)
        keys = grouped.size().index.to_frame(index=False)
        sums = np.zeros((len(keys), features.shape[1]))
        np.add.at(sums, grouped.ngroup().to_numpy(), features)
        unit = unit_rows(sums)  # the mean has the same direction
        if not np.isfinite(unit).all():
            raise InputError("gene_gene: NaN or infinite feature; correct or leave out the well")
        gene, names = pd.factorize(keys["perturbation"], sort=True)
        self.index = pd.Series(np.arange(len(names)), index=names.to_numpy(str))
        self.matrix = _mean_cosines(unit, gene, len(names), [keys[column].to_numpy() for column in level.differ])
        upper = self.matrix[np.triu_indices(len(names), 1)]
        self.null = np.sort(upper[~np.isnan(upper)])


def _mean_cosines(unit: np.ndarray, gene: np.ndarray, n_genes: int, blocks: Sequence[np.ndarray]) -> np.ndarray:
    """(G, G) mean cosine over pairs of profiles that differ in every column of `blocks`; 1 on the diagonal.

    The sum over all pairs less that of pairs which agree in a column, by inclusion and exclusion; counts are integers.
    """
    sums, counts = _within(unit, gene, n_genes, np.zeros(len(gene), dtype=np.int64))
    for size in range(1, len(blocks) + 1):
        for chosen in combinations(blocks, size):
            shared = pd.DataFrame(dict(enumerate(chosen))).groupby(list(range(size)), sort=True).ngroup().to_numpy()
            same, pairs = _within(unit, gene, n_genes, shared)
            sums, counts = sums + (-1) ** size * same, counts + (-1) ** size * pairs
    matrix = np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 0)
    matrix = np.triu(matrix, 1)  # a product of a matrix with itself need not be symmetric to the last digit
    return matrix + matrix.T + np.eye(n_genes)


def _within(unit: np.ndarray, gene: np.ndarray, n_genes: int, block: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(G, G) sums of cosines and numbers of pairs of profiles, over pairs in one block."""
    sums, counts = np.zeros((n_genes, n_genes)), np.zeros((n_genes, n_genes), dtype=np.int64)
    order = np.argsort(block, kind="stable")
    bounds = np.searchsorted(block[order], np.arange(block.max() + 2))
    with threadpool_limits(1, "blas"):
        for start, stop in pairwise(bounds):
            rows = order[start:stop]
            genes, at = np.unique(gene[rows], return_inverse=True)
            vectors = np.zeros((len(genes), unit.shape[1]))
            np.add.at(vectors, at, unit[rows])
            number = np.bincount(at)
            where = np.ix_(genes, genes)
            sums[where] += vectors @ vectors.T
            counts[where] += np.outer(number, number)
    return sums, counts
