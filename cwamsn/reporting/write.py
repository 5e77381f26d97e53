"""Tables as files, finished ones and those of a failed run."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from cwamsn.files import atomic_path
from cwamsn.paths import INCOMPLETE
from cwamsn.reporting.render import RENDERERS
from cwamsn.reporting.table import Table


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


def drop_incomplete(tables: str | Path, name: str) -> None:
    """Remove the file `name` from the folder `incomplete` in `tables`, and the folder once it is empty."""
    path = Path(tables) / INCOMPLETE / name
    path.unlink(missing_ok=True)
    with suppress(OSError):  # not empty, or not there
        path.parent.rmdir()


def drop_all_incomplete(tables: str | Path) -> None:
    """Remove every folder `incomplete` below `tables`: a run's own, and that of each of its screens."""
    for folder in list(Path(tables).rglob(INCOMPLETE)):
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()
