"""Reporting: scores to tables, figures, provenance and releases."""

from collections.abc import Sequence
from pathlib import Path

from cwamsn.files import atomic_path
from cwamsn.reporting import provenance
from cwamsn.reporting.layout import Table
from cwamsn.reporting.paper_tables import TABLES, Entry, Setting
from cwamsn.reporting.render import RENDERERS
from cwamsn.reporting.scores import Choice, read_scores

__all__ = [
    "TABLES",
    "Choice",
    "Entry",
    "Setting",
    "Table",
    "make_table",
    "read_scores",
    "setting_of",
    "write_table",
]


def make_table(name: str, entries: Sequence[Entry], scores, setting: Setting) -> Table:
    """Table `name` (`table1` ... `table8`) of the entries that stand in it."""
    return TABLES[name](entries, scores, setting)


def write_table(table: Table, paths: Sequence[str | Path]) -> None:
    """Write a table to each path, in the format of its suffix: `.csv`, `.md`, `.tex`, `.html`."""
    for path in map(Path, paths):
        text = RENDERERS[path.suffix](table)
        with atomic_path(path) as temporary:
            temporary.write_text(text)


def setting_of(values: dict, manifests: dict[str, str | Path]) -> Setting:
    """A :class:`Setting` from plain values.

    `values` holds `null`, `threshold_low`, `threshold_high`, `simulated`, `run_title`, `quoted_rows`, `code` (see
    :func:`cwamsn.reporting.provenance.code_version`) and `config_sha256`; `manifests` are the files that say where the
    data came from.
    """
    names = ("alignment", "null", "threshold_low", "threshold_high")
    data = provenance.data_manifest(manifests)
    return Setting(
        choice=Choice(**{n: values[n] for n in names if n in values}),
        simulated=values["simulated"],
        run_title=values["run_title"],
        quoted_rows=values["quoted_rows"],
        versions=tuple(provenance.version_lines(values["config_sha256"], data, values["code"])),
    )
