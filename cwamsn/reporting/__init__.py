"""Reporting: scores to tables, figures, provenance and releases."""

from collections.abc import Sequence
from pathlib import Path

from cwamsn.files import atomic_path, read_json
from cwamsn.reporting import provenance
from cwamsn.reporting.layout import Table
from cwamsn.reporting.paper_tables import TABLES, Entry, Setting
from cwamsn.reporting.render import RENDERERS
from cwamsn.reporting.scores import Choice, read_scores

INCOMPLETE = "incomplete"

__all__ = [
    "INCOMPLETE",
    "TABLES",
    "Choice",
    "Entry",
    "Setting",
    "Table",
    "entries_of",
    "make_table",
    "read_scores",
    "setting_of",
    "write_table",
]


def make_table(name: str, entries: Sequence[Entry], scores, setting: Setting) -> Table:
    """Table `name` (`table1` ... `table8`) of the entries that stand in it."""
    table = TABLES[name](entries, scores, setting)
    table.notes[:0] = setting.notes.get(name, [])
    return table


def write_table(table: Table, paths: Sequence[str | Path]) -> None:
    """Write a table to each path, in the format of its suffix: `.csv`, `.md`, `.tex`, `.html`.

    An incomplete version that a failed run left in the folder `incomplete` beside it is removed.
    """
    for path in map(Path, paths):
        text = RENDERERS[path.suffix](table)
        with atomic_path(path) as temporary:
            temporary.write_text(text)
        (path.parent / INCOMPLETE / path.name).unlink(missing_ok=True)


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

    `values` holds `null`, `threshold_low`, `threshold_high`, `simulated`, `run_title`, `quoted_rows`, `notes` (lines by
    table; may be left out), `code` (see :func:`cwamsn.reporting.provenance.code_version`) and `config_sha256`;
    `manifests` are the files that say where the data came from.
    """
    names = ("alignment", "null", "threshold_low", "threshold_high")
    data = provenance.data_manifest(manifests)
    return Setting(
        choice=Choice(**{n: values[n] for n in names if n in values}),
        simulated=values["simulated"],
        run_title=values["run_title"],
        quoted_rows=values["quoted_rows"],
        notes=values.get("notes") or {},
        training_hours=training_hours(usage or {}),
        versions=tuple(provenance.version_lines(values["config_sha256"], data, values["code"])),
    )
