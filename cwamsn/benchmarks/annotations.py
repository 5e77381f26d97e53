"""Known gene-gene relationships among the genes of a map, by whichever symbol either names them."""

from collections.abc import Collection, Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from cwamsn.annotation_files import annotation_folder, read_pairs
from cwamsn.benchmarks.symbols import names_in_map


def _path(source: str, folder: str | Path | None) -> Path:
    return (Path(folder) if folder else annotation_folder()) / f"{source}.txt"


@cache
def _entities(path: Path) -> frozenset[str]:
    pairs = read_pairs(path)
    return frozenset(pairs["entity1"]) | frozenset(pairs["entity2"])


def relationships(
    source: str, entities: Collection[str] | None = None, folder: str | Path | None = None, aliases: str | None = None
) -> pd.DataFrame:
    """Relationships of `source` as a table `entity1`, `entity2` with entity1 < entity2.

    Self pairs and repeats (A-B, B-A) are dropped, as `efaar_benchmarking.get_benchmark_relationships` does; rows are
    sorted. With `entities`, only pairs of which both members are among them, by their own names or (`aliases`, see
    :func:`cwamsn.benchmarks.symbols.previous_symbols`) by another symbol of the same gene; the names are the entities'.
    """
    path = _path(source, folder)
    pairs = read_pairs(path)
    if entities is None:
        return pairs.reset_index(drop=True)
    known = set(entities)
    renamed = names_in_map(_entities(path), known, aliases)
    if renamed:
        columns = (pairs[c].map(lambda name: renamed.get(name, name)) for c in ("entity1", "entity2"))
        first, second = (column.to_numpy(str) for column in columns)
        swap = first > second
        pairs = pd.DataFrame({"entity1": np.where(swap, second, first), "entity2": np.where(swap, first, second)})
        pairs = pairs.astype(object).sort_values(["entity1", "entity2"])
    pairs = pairs[pairs["entity1"].isin(known) & pairs["entity2"].isin(known)]
    return pairs.reset_index(drop=True)


def joint_relationships(
    sources: Sequence[str],
    entities: Collection[str] | None = None,
    folder: str | Path | None = None,
    aliases: str | None = None,
) -> pd.DataFrame:
    """Union of the relationships of several sources; a pair of two sources counts once."""
    tables = [relationships(source, entities, folder, aliases) for source in sources]
    return pd.concat(tables).drop_duplicates().sort_values(["entity1", "entity2"], ignore_index=True)


def matched_names(
    sources: Sequence[str], genes: Collection[str], folder: str | Path | None = None, aliases: str | None = None
) -> tuple[set[str], dict[str, str]]:
    """The genes that a source has by any name; and of those that it has by another name, that name -> gene."""
    known: set[str] = set()
    renamed: dict[str, str] = {}
    for source in sources:
        there = _entities(_path(source, folder))
        other = names_in_map(there, genes, aliases)
        known |= (set(genes) & there) | set(other.values())
        renamed |= other
    return known, renamed
