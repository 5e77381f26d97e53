"""Reporting: scores to tables, figures, provenance and releases."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from cwamsn.files import atomic_path, read_json
from cwamsn.reporting import further, paper_tables, provenance
from cwamsn.reporting.building import Entry, Setting
from cwamsn.reporting.method_notes import named_lines
from cwamsn.reporting.render import RENDERERS
from cwamsn.reporting.scores import Choice, read_scores
from cwamsn.reporting.table import Table
from cwamsn.version import version_lines

TABLES = paper_tables.TABLES | further.TABLES
INCOMPLETE = "incomplete"

__all__ = [
    "INCOMPLETE",
    "TABLES",
    "Choice",
    "Entry",
    "Setting",
    "Table",
    "drop_incomplete",
    "entries_of",
    "make_table",
    "read_scores",
    "setting_of",
    "write_table",
]


def make_table(
    name: str, entries: Sequence[Entry], scores, setting: Setting, notes: Mapping[str, Sequence[str]] | None = None
) -> Table:
    """Table `name` (a key of :data:`TABLES`) of the entries that stand in it.

    notes : what the jobs of each row said about its result; it stands below the table, and in the CSV beside the row
    """
    table, notes = TABLES[name](entries, scores, setting), notes or {}
    measured = {row.name: row for row in table.rows if row.measured}
    for row in measured.values():
        row.notes = list(notes.get(row.name, ()))
    entered = {e.name: e.title for e in entries if e.name in measured}
    table.notes[:0] = [*setting.notes.get(name, []), *named_lines(notes, entered)]
    table.run = setting.run_title
    return table


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


def entries_of(rows: Sequence[dict], computations: Sequence[str | Path] = ()) -> list[Entry]:
    """Rows of a table from plain values; `<model>/computation.json` files fill in what a row does not state."""
    counted = {Path(path).parent.name: read_json(path) for path in computations}
    return [Entry.of(row, counted.get(row["name"])) for row in rows]


def training_hours(usage: dict[str, Sequence[str | Path]]) -> dict[str, float]:
    """Mean wall-clock hours of a row's training jobs over its seeds; rows without a measurement are left out."""
    mean = {}
    for row, paths in usage.items():
        found = [m for path in paths if Path(path).exists() for m in provenance.measurements(path)]
        hours = [m["wall_seconds"] / 3600 for m in found if m["wall_seconds"] is not None]
        if hours:
            mean[row] = sum(hours) / len(hours)
    return mean


def setting_of(values: dict, manifests: dict[str, str | Path], usage: dict | None = None) -> Setting:
    """A :class:`Setting` from plain values.

    `values` holds `null`, `threshold_low`, `threshold_high`, `simulated`, `on_rxrx3_core`, `run_title`, `quoted_rows`,
    `notes` (lines by table; may be left out), `code` (see :func:`cwamsn.version.code_version`) and
    `config_sha256`; `manifests` are the files that say where the data came from, or the digests of such files.
    """
    names = ("alignment", "null", "threshold_low", "threshold_high")
    data = provenance.data_manifest(manifests)
    return Setting(
        choice=Choice(**{n: values[n] for n in names if n in values}),
        simulated=values["simulated"],
        on_rxrx3_core=values["on_rxrx3_core"],
        run_title=values["run_title"],
        quoted_rows=values["quoted_rows"],
        notes=values.get("notes") or {},
        training_hours=training_hours(usage or {}),
        versions=tuple(version_lines(values["config_sha256"], data, values["code"])),
    )
