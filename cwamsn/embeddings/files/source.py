"""What every reader of an embeddings file returns: ids, and values in pieces."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from cwamsn.embeddings.options import WellsFile
from cwamsn.errors import InputError

Piece = tuple[slice, slice, np.ndarray]  # rows, columns, their values float32
IDS = ("well_id", "names", "Metadata_WellID")  # names of what holds the well ids; CellCLIP writes `names`
PLATE_AND_WELL = ("Metadata_Plate", "Metadata_Well")  # those of every tool that follows pycytominer
# What of the wells table one, two or three columns of a file name.
KEYS = {1: ("well_id",), 2: ("plate", "address"), 3: ("experiment", "plate", "address")}


@dataclass(frozen=True)
class Source:
    """An opened embeddings file."""

    ids: np.ndarray
    """(N,) well ids as text, or plate and well joined by `_`."""
    n_features: int
    pieces: Iterator[Piece]
    """The values; an iterator, so they can be read once."""
    names: list[str] = field(default_factory=list)
    """Names of the features, where they have any."""
    key: tuple[str, ...] = KEYS[1]
    """Columns of the wells table that `ids` name."""


@contextmanager
def refusing(path: Path, kind: str) -> Iterator[None]:
    """Turn whatever a library raises for a damaged file into an InputError."""
    try:
        yield
    except (InputError, MemoryError):
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise InputError(f"{path}: not readable as {kind} ({reason}); is it whole?") from error


def id_columns(path: Path, entry: WellsFile, names: Sequence[str]) -> list[str]:
    """Those of `names` that say which well a row is: one that holds ids, or two or three of batch, plate and well."""
    wanted = entry.well_column
    if isinstance(wanted, list):
        if len(wanted) not in KEYS:
            raise InputError(f"well_column: names {len(wanted)} columns; give plate and well, or batch, plate and well")
        for name in wanted:
            if name not in names:
                raise InputError(f"{path}: no {name} among {', '.join(names[:8])}; correct well_column")
        return wanted
    for name in [wanted] if wanted else IDS:
        if name in names:
            return [name]
    if not wanted and set(PLATE_AND_WELL) <= set(names):
        return list(PLATE_AND_WELL)
    lacking, nor = wanted or " or ".join(IDS[:2]), "" if wanted else f", nor {' and '.join(PLATE_AND_WELL)}"
    raise InputError(
        f"{path}: no {lacking} among {', '.join(names[:8])}{nor}; set well_column to what holds the well ids"
    )


def joined(path: Path, columns: Sequence[str], values: Sequence[np.ndarray]) -> np.ndarray:
    """(N,) one text per row of its id columns, None where one is empty. InputError where they differ in length."""
    sizes = {len(column) for column in values}
    if len(sizes) > 1:
        raise InputError(f"{path}: {' and '.join(columns)} are of different lengths ({sizes}); one value per row")
    if len(values) == 1:
        return values[0]
    return np.array([None if not all(row) else "_".join(row) for row in zip(*values)], dtype=object)


def as_texts(values: np.ndarray) -> np.ndarray:
    """(N,) texts, None where a value is missing; a plate that was read as 24279.0 is 24279."""

    def text(value: object) -> str | None:
        if value is None or value != value:
            return None
        if isinstance(value, bytes):
            return value.decode()
        return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)

    return np.array([text(value) for value in np.ravel(values).tolist()], dtype=object)
