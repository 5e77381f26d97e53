"""Tables of a run that failed: made from the scores there are, with the gaps marked and named."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from cwamsn.files import atomic_path
from cwamsn.reporting import INCOMPLETE, drop_incomplete, entries_of, make_table, read_scores, setting_of, write_table
from cwamsn.reporting.method_notes import notes_by_method

NOTE = "Incomplete: the run failed before every score was there; the gaps are marked as missing."


def write_partial_tables(jobs: Iterable[Any]) -> list[str]:
    """Make the tables of those unfinished `jobs` that have some but not all of their scores.

    A job is what Snakemake plans for the rule `table` (`wildcards`, `input`, `output`, `params`). Returns the gaps, one
    line each. The files go to the folder `incomplete` beside the finished tables, where nothing takes them for
    finished; :func:`cwamsn.reporting.write_table` removes them when it writes the finished ones.
    """
    gaps = []
    for job in jobs:
        for path in map(Path, job.output):
            drop_incomplete(path.parent, path.name)  # of an earlier failure
        scores = [path for path in job.input.scores if Path(path).exists()]
        if not scores or len(scores) == len(job.input.scores):
            continue
        counted = [path for path in job.input.computations if Path(path).exists()]
        data = {name: path for name, path in job.params.manifests.items() if Path(path).exists()}
        setting = setting_of(job.params.setting, data, job.params.usage)
        entries = entries_of(job.params.entries, counted)
        said = notes_by_method(
            {
                row: {seed: [path for path in paths if Path(path).exists()] for seed, paths in seeds.items()}
                for row, seeds in job.params.notes.items()
            }
        )
        table = make_table(job.wildcards.table, entries, read_scores(scores), setting, said)
        table.notes.insert(0, NOTE)
        write_table(table, [Path(path).parent / INCOMPLETE / Path(path).name for path in job.output])
        gaps += table.gaps
    return gaps


STALE = (
    '<p class="banner failed" id="stale">The run failed after this page was made. It shows an earlier state: tables '
    "and scores beside it may be newer, and rows that failed are not on it.</p>"
)


def mark_stale(report: str | Path) -> None:
    """Say at the top of a report that a later run failed before it was made again; nothing where there is no report."""
    report = Path(report)
    if report.exists() and STALE not in (text := report.read_text()):
        with atomic_path(report) as temporary:
            temporary.write_text(text.replace("<body>", f"<body>{STALE}", 1))
