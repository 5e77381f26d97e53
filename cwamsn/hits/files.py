"""Tables of neighbours and hits as files."""

from pathlib import Path

import pandas as pd

from cwamsn.errors import InputError
from cwamsn.files import atomic_path

SUFFIXES = (".csv", ".tsv", ".parquet")


def check_suffix(path: Path | None) -> None:
    """Refuse a file that could not be written, before anything is computed."""
    if path is not None and path.suffix not in SUFFIXES:
        raise InputError(f"{path}: end the name of a table with {', '.join(SUFFIXES)}")


def write_table(table: pd.DataFrame, path: str | Path) -> Path:
    """Write a table in the format of the suffix; floats as the shortest text that is read back alike."""
    path = Path(path)
    check_suffix(path)
    with atomic_path(path) as temporary:
        if path.suffix == ".parquet":
            table.to_parquet(temporary, index=False)
        else:
            table.to_csv(temporary, index=False, sep="\t" if path.suffix == ".tsv" else ",", lineterminator="\n")
    return path
