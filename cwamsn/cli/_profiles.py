"""What commands on profiles share: which file of a folder is meant, tables in words, tables in files."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pandas as pd

from cwamsn.errors import InputError
from cwamsn.files import atomic_path
from cwamsn.profiles import Profiles, read_profiles

SUFFIXES = (".csv", ".tsv", ".parquet")


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


def written(table: pd.DataFrame, path: Path) -> Path:
    """Write a table in the format of the suffix."""
    check_suffix(path)
    with atomic_path(path) as temporary:
        if path.suffix == ".parquet":
            table.to_parquet(temporary, index=False)
        else:
            table.to_csv(temporary, index=False, sep="\t" if path.suffix == ".tsv" else ",", lineterminator="\n")
    return path


def check_suffix(path: Path | None) -> None:
    """Refuse a file that could not be written, before anything is computed."""
    if path is not None and path.suffix not in SUFFIXES:
        raise InputError(f"--out {path}: end the name with {', '.join(SUFFIXES)}")


def in_columns(table: pd.DataFrame, columns: Mapping[str, tuple[str, Callable[[object], str]]]) -> list[str]:
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


def digits(count: int) -> Callable[[object], str]:
    """Write a number with so many decimals; a missing one as a dash."""
    return lambda value: "-" if pd.isna(value) else f"{float(value):.{count}f}"  # type: ignore[arg-type]


def short(value: object) -> str:
    """A dose or a p-value in few digits; a missing one as a dash."""
    return "-" if pd.isna(value) else f"{float(value):.3g}"  # type: ignore[arg-type]


def whole(value: object) -> str:
    """A count, or text as it is."""
    return "-" if value is None or value == "" else str(value)
