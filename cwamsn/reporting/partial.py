"""What a failed run leaves: tables of the scores there are, and a report that says it is older."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from cwamsn.files import atomic_path
from cwamsn.paths import INCOMPLETE
from cwamsn.reporting.make import TableInputs
from cwamsn.reporting.pages import render
from cwamsn.reporting.write import drop_incomplete, write_table

NOTE = "Incomplete: the run failed before every score was there; the gaps are marked as missing."


def write_partial_tables(jobs: Iterable[Any]) -> list[str]:
    """Make the tables of those unfinished `jobs` of the rule `table` that have some but not all of their scores.

    The files go to the folder `incomplete` beside the finished tables, where nothing takes them for finished;
    :func:`cwamsn.reporting.write_table` removes them when it writes the finished ones. Returns the gaps, one line each.
    """
    gaps = []
    for job in jobs:
        for path in map(Path, job.output):
            drop_incomplete(path.parent, path.name)  # of an earlier failure
        inputs = TableInputs.of(job)
        finished = inputs.finished()
        if finished.scores and len(finished.scores) < len(inputs.scores):
            table = finished.make(job.wildcards.product)
            table.notes.insert(0, NOTE)
            write_table(table, [Path(path).parent / INCOMPLETE / Path(path).name for path in job.output])
            gaps += table.gaps
    return gaps


def mark_stale(report: str | Path) -> None:
    """Say at the top of a report that a later run failed; nothing where there is no report."""
    report = Path(report)
    banner = render("stale.html.j2")
    if report.exists() and banner not in (text := report.read_text()):
        with atomic_path(report) as temporary:
            temporary.write_text(text.replace("<body>", f"<body>\n{banner}", 1))
