"""Tables as files, finished ones and those of a failed run."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from cwamsn.files import atomic_path
from cwamsn.reporting.render import RENDERERS
from cwamsn.reporting.table import Table

INCOMPLETE = "incomplete"


def write_table(table: Table, paths: Sequence[str | Path]) -> None:
    """Write a table to each path, in the format of its suffix: `.csv`, `.md`, `.tex`, `.html`.

    An incomplete version that a failed run left in the folder `incomplete` beside it is removed, with the folder when
    nothing else is in it.
    """
    for path in map(Path, paths):
        text = RENDERERS[path.suffix](table)
        with atomic_path(path) as temporary:
            temporary.write_text(text)
        drop_incomplete(path.parent, path.name)


def drop_incomplete(tables: str | Path, pattern: str = "*") -> None:
    """Remove what matches `pattern` in the folder `incomplete` below `tables`, and the folder once it is empty."""
    folder = Path(tables) / INCOMPLETE
    for path in folder.glob(pattern):
        path.unlink()
    with suppress(OSError):  # not empty, or not there
        folder.rmdir()
