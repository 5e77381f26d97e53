"""Tables of a run that failed: made from the scores there are, with the gaps marked and named."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from cwamsn.reporting import INCOMPLETE, entries_of, make_table, read_scores, setting_of, write_table

NOTE = "Incomplete: the run failed before every score was there; the gaps are marked as missing."


def write_partial_tables(jobs: Iterable[Any]) -> list[str]:
    """Make the tables of those unfinished `jobs` that have some but not all of their scores.

    A job is what Snakemake plans for the rule `table` (`wildcards`, `input`, `output`, `params`). Returns the gaps, one
    line each. The files go to the folder `incomplete` beside the finished tables, where nothing takes them for
    finished; :func:`cwamsn.reporting.write_table` removes them when it writes the finished ones.
    """
    gaps = []
    for job in jobs:
        scores = [path for path in job.input.scores if Path(path).exists()]
        if not scores or len(scores) == len(job.input.scores):
            continue
        counted = [path for path in job.input.computations if Path(path).exists()]
        data = {name: path for name, path in job.params.manifests.items() if Path(path).exists()}
        setting = setting_of(job.params.setting, data, job.params.usage)
        entries = entries_of(job.params.entries, counted)
        table = make_table(job.wildcards.table, entries, read_scores(scores), setting)
        table.notes.insert(0, NOTE)
        write_table(table, [Path(path).parent / INCOMPLETE / Path(path).name for path in job.output])
        gaps += table.gaps
    return gaps
