"""`cwamsn check SCREEN`: a whole screen checked before anything long runs."""

import shutil
import sys
from pathlib import Path

import click

from cwamsn.checks import check_screen, lines, write_page
from cwamsn.cli import base
from cwamsn.cli.output import Answer
from cwamsn.cli.screen_options import SCREEN, jobs_here, read_screen, screen_options
from cwamsn.errors import InputError
from cwamsn.notes import collected


@base.command(
    "check",
    examples=[
        "cwamsn check load_data.csv --platemap platemap.csv",
        "cwamsn check load_data.csv --sample 50",
        "cwamsn check my.yaml:my-screen --all --page results/check.html",
    ],
)
@screen_options
@click.option(
    "--sample",
    type=click.IntRange(min=1),
    metavar="N",
    help="Fields of view to decode, spread over plates; if left out three per plate, at least 50.",
)
@click.option("--all", "everything", is_flag=True, help="Decode every field.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the sample.")
@click.option("--jobs", type=click.IntRange(min=1), help="Threads that decode; if left out one per core.")
@click.option("--page", type=base.PATH, default="check.html", show_default=True, help="Where to write the page.")
@click.option("--cache", type=base.PATH, help="Folder of downloads; if left out one that is removed afterwards.")
def command(
    *,
    screen: str,
    platemap: str | None,
    pattern: str | None,
    channels: str | None,
    keys: tuple[str, ...],
    sample: int | None,
    everything: bool,
    seed: int,
    jobs: int | None,
    page: Path,
    cache: Path | None,
) -> Answer:
    """Check SCREEN before anything long runs: files, pictures, wells, controls, cost.

    Every file that the screen lists is looked for; a sample of fields is decoded, converted and judged as a run would.
    Exit code 1 says that something must be corrected first.
    """
    if everything and sample is not None:
        raise InputError("--all and --sample: give one of them")
    with collected(alone=True) as notes:
        spec = read_screen(screen, platemap, pattern, channels, keys)
    report = check_screen(
        spec,
        name=screen,
        sample=sample,
        everything=everything,
        seed=seed,
        cache=cache,
        jobs=jobs or jobs_here(),
        notes=notes,
    )
    write_page(report, page)
    width = shutil.get_terminal_size().columns if sys.__stdout__ and sys.__stdout__.isatty() else 100
    told = [*lines(report, min(width, 120)), f"{'Page':<18} {page}"]
    return Answer({**report.as_json(), "page": str(page)}, told, failed=report.failed)


command.help = f"{command.help}\n\n{SCREEN}"
