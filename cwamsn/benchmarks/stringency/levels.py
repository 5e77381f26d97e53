"""The levels of stringency of MorphoHELM (arXiv 2605.15383): a rule says which wells are admitted for a query.

A level removes positives and distractors alike. Levels are not nested: at NSL wells of the query's own plate stay, at
NSB those of its own position.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pandas as pd

from cwamsn import vocabulary
from cwamsn.errors import InputError


class Level(NamedTuple):
    """A rule: a well is admitted if it differs from the query in each of these columns of the wells table."""

    name: str
    differ: tuple[str, ...]
    text: str


LEVELS = {name: Level(name, *rule) for name, rule in vocabulary.LEVELS.items()}


def levels_of(names: Sequence[str]) -> list[Level]:
    """Levels by name. Raises InputError for an unknown one."""
    unknown = next((name for name in names if name not in LEVELS), None)
    if unknown is not None:
        raise InputError(f"levels: {unknown!r} is not known; known: {', '.join(LEVELS)}")
    return [LEVELS[name] for name in names]


class Excluded:
    """Which wells a level keeps from a query, as positions in a table of candidates."""

    def __init__(self, level: Level, queries: pd.DataFrame, candidates: pd.DataFrame):
        self._keys: list[np.ndarray] = []
        self._members: list[dict[str, np.ndarray]] = []
        for column in level.differ:
            self._keys.append(_text(queries, column))
            self._members.append(_places(_text(candidates, column)))

    def of(self, query: int) -> np.ndarray:
        """Sorted positions of the candidates that `query` may not see; the query itself is not among them as such."""
        found = [members.get(keys[query], _NONE) for keys, members in zip(self._keys, self._members)]
        if not found:
            return _NONE
        return found[0] if len(found) == 1 else np.unique(np.concatenate(found))


_NONE = np.empty(0, dtype=np.int64)


def missing_column(level: Level, wells: pd.DataFrame) -> str | None:
    """Why a level cannot be had from the columns of a wells table, or None: a column is absent or has one value."""
    for column in level.differ:
        if column not in wells:
            return f"the wells table has no column {column}"
        values = wells[column].nunique(dropna=False)
        if values < 2:
            return f"the screen has one {column}"
    return None


def pairs_left(level: Level, wells: pd.DataFrame, same: Sequence[str]) -> tuple[int, int]:
    """(pairs of replicates that differ as a level wants, groups of replicates that have such a pair).

    Pairs of a group less those that agree in any of the level's columns, by inclusion and exclusion.
    """
    groups = group_names(wells, same)
    total = _pairs(groups, groups)
    if not level.differ:
        return int(total.sum()), int((total > 0).sum())
    columns = [_text(wells, column) for column in level.differ]
    left = total.copy()
    for column in columns:
        left = left - _pairs(groups, join(groups, column)).reindex(total.index, fill_value=0)
    if len(columns) == 2:
        left = left + _pairs(groups, join(join(groups, columns[0]), columns[1])).reindex(total.index, fill_value=0)
    return int(left.sum()), int((left > 0).sum())


def _pairs(groups: np.ndarray, parts: np.ndarray) -> pd.Series:
    """Pairs of rows that share a part, summed by group; a part lies within one group."""
    table = pd.DataFrame({"group": groups, "part": parts})
    sizes = table.groupby(["group", "part"], sort=False).size()
    return (sizes * (sizes - 1) // 2).groupby(level="group").sum()


def group_names(wells: pd.DataFrame, same: Sequence[str]) -> np.ndarray:
    """(N,) one text per well: wells with equal values in all columns `same` are replicates."""
    names = _text(wells, same[0])
    for column in same[1:]:
        names = join(names, _text(wells, column) if column in wells else np.full(len(wells), "", dtype=object))
    return names


def join(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Two columns of text as one; the separator occurs in no name."""
    return np.array([f"{a}\x1f{b}" for a, b in zip(left, right)], dtype=object)


def _text(frame: pd.DataFrame, column: str) -> np.ndarray:
    values = frame[column]
    if pd.api.types.is_float_dtype(values):
        return np.array(["" if pd.isna(v) else repr(float(v)) for v in values], dtype=object)
    return values.fillna("").astype(str).to_numpy(dtype=object)


def _places(values: np.ndarray) -> dict[str, np.ndarray]:
    codes, names = pd.factorize(values)
    order = np.argsort(codes, kind="stable")
    bounds = np.searchsorted(codes[order], np.arange(len(names) + 1))
    return {name: order[a:b] for name, (a, b) in zip(names, pairwise(bounds))}
