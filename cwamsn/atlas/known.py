"""Known relationships among the genes of a map, to be shown beside what the map says."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from cwamsn.benchmarks.annotations import relationships
from cwamsn.errors import InputError
from cwamsn.notes import note

MOST = 2000  # genes, evenly spread, whose pairs say what is usual
EQUAL = 1e-6  # cosines that differ by less are equal but for rounding of float32


@dataclass(frozen=True, eq=False)
class Known:
    """Pairs of genes, each once."""

    genes: tuple[str, ...] = ()
    first: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int32))
    """(R,) places among the genes."""
    second: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int32))
    by: np.ndarray = field(default_factory=lambda: np.zeros(0, np.uint8))
    """(R,) which sources know it: bit i for `sources[i]`."""
    sources: tuple[str, ...] = ()
    groups: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int32))
    """Of each gene, which group of the atlas it is."""
    similarity: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))
    """(R,) cosine of the two profiles."""
    percentile: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))
    """(R,) share of all pairs of genes that are less similar, in percent."""


def with_similarity(known: Known, groups: np.ndarray, profiles: np.ndarray) -> Known:
    """The relationships with what the map says of them.

    Parameters
    ----------
    known : relationships of G genes
    groups : (G,) group of each gene
    profiles : (P, D) of groups, of length 1
    """
    if not len(known.first):
        return known
    unit = profiles[groups].astype(np.float32)
    similarity = np.einsum("ij,ij->i", unit[known.first], unit[known.second])
    some = np.unique(np.linspace(0, len(unit) - 1, min(len(unit), MOST)).astype(int))
    all_pairs = np.sort((unit[some] @ unit[some].T)[np.triu_indices(len(some), 1)])
    percentile = 100 * np.searchsorted(all_pairs, similarity - EQUAL) / max(1, len(all_pairs))
    return replace(
        known, groups=groups.astype(np.int32), similarity=similarity, percentile=percentile.astype(np.float32)
    )


def known_relationships(
    genes: Sequence[str], sources: Sequence[str], folder: str | None = None, aliases: str | None = None
) -> Known:
    """Relationships among genes by every source that knows them.

    Parameters
    ----------
    genes : names of perturbed genes, each once
    sources : some of :data:`cwamsn.vocabulary.SOURCES`, or file names of `folder` without `.txt`; eight at most
    folder : of the files; None: those of efaar-benchmarking, without which there are none, as a note says
    aliases : as `gene_gene.aliases`
    """
    if not genes or not sources:
        return Known()
    place = {gene: i for i, gene in enumerate(genes)}
    found: dict[tuple[int, int], int] = {}
    for bit, source in enumerate(sources):
        try:
            pairs = relationships(source, genes, folder, aliases)
        except InputError as error:
            if folder:
                raise
            note(f"atlas: no known relationships are shown: {error}")
            return Known()
        for one, other in zip(pairs["entity1"], pairs["entity2"]):
            key = (place[one], place[other])
            found[key] = found.get(key, 0) | 1 << bit
    ordered = sorted(found)
    return Known(
        tuple(genes),
        np.array([a for a, _ in ordered], np.int32),
        np.array([b for _, b in ordered], np.int32),
        np.array([found[key] for key in ordered], np.uint8),
        tuple(sources),
    )
