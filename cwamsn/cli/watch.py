"""`cwamsn watch RUN`."""

import sys
import time
from dataclasses import asdict
from pathlib import Path

import click

from cwamsn.cli import base
from cwamsn.cli.output import Answer
from cwamsn.errors import InputError
from cwamsn.progress import Progress, progress_of, sentence, summary, trainings_at


@base.command(
    "watch",
    examples=[
        "cwamsn watch results/demo",
        "cwamsn watch results/demo/models/cwa-msn/seed0 --every 30",
        "cwamsn watch results/demo --once --json",
    ],
)
@click.argument("run", type=base.PATH)
@click.option("--every", type=click.FloatRange(0.1), default=5, show_default=True, help="Seconds between two looks.")
@click.option("--once", is_flag=True, help="Look once, as where the output is no terminal.")
def command(run: Path, *, every: float, once: bool) -> Answer:
    """Watch the trainings of RUN: loss, prototypes in use, speed, time left.

    RUN is the folder of a run, or of one training in it. On a terminal the view is renewed until every training has
    ended; Ctrl-C leaves it, and the trainings go on.
    """
    as_json = click.get_current_context().params.get("as_json")
    found = _look(run)
    if not (once or as_json) and sys.stderr.isatty():
        try:
            while not found or any(not training.finished for training in found):
                click.clear()
                click.echo("\n".join(summary(found)))
                time.sleep(every)
                found = _look(run)
        except KeyboardInterrupt:
            pass
        click.clear()
    elif not found:
        raise InputError(f"{run}: no training has begun there: neither log.csv nor models/*/seed*/log.csv")
    return Answer({"trainings": [asdict(p) | {"sentence": sentence(p)} for p in found]}, summary(found))


def _look(run: Path) -> list[Progress]:
    return [progress_of(folder) for folder in trainings_at(run)]
