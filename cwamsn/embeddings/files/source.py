"""What every reader of an embeddings file returns: ids, and values in pieces."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from cwamsn.embeddings.options import WellsFile
from cwamsn.errors import InputError

Piece = tuple[slice, slice, np.ndarray]  # rows, columns, their values float32
IDS = ("well_id", "names")  # names of what holds the well ids; CellCLIP writes `names`


@dataclass(frozen=True)
class Source:
    """An opened embeddings file."""

    ids: np.ndarray
    """(N,) well ids as text."""
    n_features: int
    pieces: Iterator[Piece]
    """The values; an iterator, so they can be read once."""
    names: list[str] = field(default_factory=list)
    """Names of the features, where they have any."""


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


def id_column(path: Path, entry: WellsFile, names: list[str]) -> str:
    """The one of `names` that holds the well ids."""
    for name in [entry.well_column] if entry.well_column else IDS:
        if name in names:
            return name
    wanted = entry.well_column or " or ".join(IDS)
    raise InputError(f"{path}: no {wanted} among {', '.join(names[:8])}; set well_column to what holds the well ids")
