"""What the reader of a result must know about it: on the terminal, in the job's log, in the tables and in the report.

A stage that meets something suspicious, or leaves something out, says so with :func:`note` in one line. Where the
workflow runs the stage, `workflow_scripts/_job.py` shows the line on the terminal and, if the rule declares an
output `notes`, writes all lines of the job there; reporting reads these files.
"""

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cwamsn.files import read_json

log = logging.getLogger(__name__)


def note(text: str) -> None:
    """Say one line about the result in work: what was left out or looks wrong, how many, and what to do about it."""
    log.warning(text)


class _Collector(logging.Handler):
    def __init__(self, aloud: logging.Handler | None) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []
        self.aloud = aloud

    def emit(self, record: logging.LogRecord) -> None:
        line = record.getMessage()
        if line not in self.lines:
            self.lines.append(line)
            if self.aloud:
                self.aloud.handle(record)


@contextmanager
def collected(alone: bool = False) -> Iterator[list[str]]:
    """Yield a list that receives every line said meanwhile, each once (and every other warning of this package).

    alone : nobody else hears them; whoever collects says them in another form.
    """
    logger = logging.getLogger("cwamsn")
    # Where nobody has set up logging, as in a notebook, Python prints warnings itself, but not beside a handler.
    handler = _Collector(None if alone or logger.hasHandlers() else logging.lastResort)
    others, spreads = logger.handlers[:], logger.propagate
    if alone:
        logger.handlers, logger.propagate = [], False
    logger.addHandler(handler)
    try:
        yield handler.lines
    finally:
        logger.removeHandler(handler)
        if alone:
            logger.handlers, logger.propagate = others, spreads


def read_notes(paths: Iterable[str | Path]) -> list[str]:
    """The lines of several `notes` files, each once, in order."""
    return list(dict.fromkeys(line for path in paths for line in read_json(path)))
