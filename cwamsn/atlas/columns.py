"""What points can be coloured by: numbers and categories."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

# Metadata in the order in which it is offered, with what a reader calls it.
LABELS = {
    "Metadata_Perturbation": "perturbation",
    "Metadata_PerturbationType": "type of perturbation",
    "Metadata_Control": "control",
    "Metadata_Concentration": "dose, µM",
    "Metadata_Source": "laboratory",
    "Metadata_Batch": "batch",
    "Metadata_Plate": "plate",
    "Metadata_Row": "row",
    "Metadata_Column": "column",
    "Metadata_Well": "well",
    "Metadata_CellCount": "cell count",
    "Metadata_FieldCount": "fields",
    "Metadata_Gene": "gene",
    "Metadata_Guide": "guide",
    "Metadata_Split": "split",
    "Metadata_Plate_Map_Name": "plate map",
}
LEFT_OUT = {"Metadata_WellID", "Metadata_SMILES", "Metadata_InChIKey", "Metadata_Screen", "Metadata_PlateID"}
_DISTINCT = 0.5  # a column of text with more different values than this share of its rows is a name, not a class


@dataclass(frozen=True, eq=False)
class Column:
    """A value of every point."""

    key: str
    label: str
    values: np.ndarray
    """(N,) float32 of a number, NaN where it is missing; int32 codes of a category, -1 where it is missing."""
    categories: tuple[str, ...] | None = None
    """Names of the codes; None for a number."""
    logarithmic: bool = False
    """Whether equal steps of colour are equal factors."""


def number(key: str, label: str, values: np.ndarray | pd.Series, *, logarithmic: bool = False) -> Column:
    """A column of numbers; an infinite one, which has no place on a scale, is missing."""
    known = np.asarray(values, dtype=np.float32)
    return Column(key, label, np.where(np.isfinite(known), known, np.float32(np.nan)), logarithmic=logarithmic)


def category(key: str, label: str, values: pd.Series) -> Column:
    """A column of classes, sorted by name."""
    codes, names = pd.factorize(values.astype(object).where(values.notna(), None), sort=False)
    names = [str(name) for name in names]
    order = sorted(range(len(names)), key=lambda i: _natural(names[i]))
    rank = np.empty(len(names) + 1, dtype=np.int32)
    rank[order] = np.arange(len(names))
    rank[-1] = -1  # of the missing ones, whose code is -1
    return Column(key, label, rank[codes], tuple(names[i] for i in order))


def _natural(name: str) -> list[tuple[int, int, str]]:
    """A key that sorts plate 2 before plate 10."""
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in re.split(r"(\d+)", name) if part]


def of_metadata(obs: pd.DataFrame) -> list[Column]:
    """The columns of profiles that say something: no names that differ in every row, nothing that never differs."""
    names = [name for name in LABELS if name in obs]
    names += [str(name) for name in obs if name not in LABELS and name not in LEFT_OUT]
    found = []
    for name in names:
        label = LABELS.get(name, name.removeprefix("Metadata_"))
        column = _of_series(name, label, obs[name])
        if column is not None:
            found.append(column)
    return found


def _of_series(key: str, label: str, values: pd.Series) -> Column | None:
    if not values.notna().any():
        return None
    if values.dtype.kind in "iuf":
        column = number(key, label, values, logarithmic=key == "Metadata_Concentration")
        known = column.values[np.isfinite(column.values)]
        return column if len(known) and (known.min() < known.max() or len(known) < len(column.values)) else None
    distinct = values.nunique(dropna=False)
    named = key not in LABELS and distinct > max(20, _DISTINCT * len(values))
    return None if distinct < 2 or named else category(key, label, values)


def of_scores(keys: pd.DataFrame, tables: Mapping[str, pd.DataFrame], on: Iterable[str]) -> list[Column]:
    """Numbers of users' tables, joined by the columns of `on` that a table has.

    Parameters
    ----------
    keys : (N) rows with the columns of `on`
    tables : by name; of a row that stands several times the mean is taken
    on : columns that say which row is meant; the first of them must be there
    """
    found, on = [], list(on)
    for name, table in tables.items():
        if on[0] not in table:
            continue
        by = [key for key in on if key in table and table[key].notna().any()]
        numbers = [c for c in table if c not in on and table[c].dtype.kind in "iufb"]
        means = table.groupby(by, dropna=False)[numbers].mean()
        wanted = keys[by] if len(by) > 1 else keys[by[0]]
        index = pd.MultiIndex.from_frame(wanted) if len(by) > 1 else pd.Index(wanted)
        for column in numbers:
            values = means[column].reindex(index).to_numpy(dtype=float)
            if np.isfinite(values).any():
                label = f"{column.replace('_', ' ')} ({name})"
                found.append(number(f"{name}.{column}", label, values))
    return found
