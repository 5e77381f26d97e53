"""What commands on profiles share: which file of a folder is meant, tables in words, tables in files."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pandas as pd

from cwamsn.errors import InputError
from cwamsn.profiles import Profiles, read_profiles

Column = tuple[str, Callable[[object], str]]
"""Heading of a column, and how a value is written."""


def profiles_at(path: Path, *, names: Sequence[str]) -> Profiles:
    """Profiles in a file, or the first of `names` in a folder that `cwamsn embed` wrote."""
    if not path.is_dir():
        return read_profiles(path)
    found = [path / name for name in names if (path / name).is_file()]
    if not found:
        raise InputError(
            f"{path}: holds none of {', '.join(names)}; give a table of profiles, or what cwamsn embed wrote"
        )
    return read_profiles(found[0])


def in_columns(table: pd.DataFrame, columns: Mapping[str, Column]) -> list[str]:
    """A table as aligned text.

    Parameters
    ----------
    table : its rows are the lines
    columns : name in `table` → heading and how a value is written; numbers stand right, texts left; a column without
        any value is left out
    """
    names = [name for name in columns if name in table and not (table[name].isna() | (table[name] == "")).all()]
    cells = [[columns[name][0], *map(columns[name][1], table[name])] for name in names]
    left = [pd.api.types.is_string_dtype(table[name]) for name in names]
    widths = [max(map(len, column)) for column in cells]
    padded = [
        [value.ljust(width) if start else value.rjust(width) for value in column]
        for column, width, start in zip(cells, widths, left)
    ]
    return ["  ".join(row).rstrip() for row in zip(*padded)]


def several_types(table: pd.DataFrame) -> bool:
    """Whether perturbations of several types are listed: TP53 may be a gene and a compound."""
    return table["perturbation_type"].nunique() > 1


def with_type(columns: Mapping[str, Column], wanted: bool) -> dict[str, Column]:
    """`columns`, those of the type of perturbations only where it is wanted."""
    return {name: how for name, how in columns.items() if wanted or name != "perturbation_type"}


def digits(count: int) -> Callable[[object], str]:
    """Write a number with so many decimals; a missing one as a dash."""
    return lambda value: "-" if pd.isna(value) else f"{float(value):.{count}f}"  # type: ignore[arg-type]


def short(value: object) -> str:
    """A dose or a p-value in few digits; a missing one as a dash."""
    return "-" if pd.isna(value) else f"{float(value):.3g}"  # type: ignore[arg-type]


def whole(value: object) -> str:
    """A count, or text as it is."""
    return "-" if value is None or value == "" else str(value)
