"""Where a run's products are: the lines at the end of a run."""

import shlex
from collections.abc import Iterable
from pathlib import Path, PurePath
from typing import Any

from cwamsn.plan import Plan


def outputs(jobs: Iterable[Any]) -> list[str]:
    """Output files of Snakemake's jobs."""
    return [str(path) for job in jobs for path in job.output]


def has_pages(made: Iterable[str]) -> bool:
    """Whether any of the outputs is a page that a report links."""
    return any(PurePath(path).suffix == ".html" for path in made)


def products(made: Iterable[str], plan: Plan) -> list[str]:
    """Lines `kind: path` for what a reader opens first among `made`; of tables and figures the folder and their names.

    `made` are the outputs of the run's jobs. The list is empty where it made nothing that a reader would open.
    """
    paths = sorted(set(made))
    lines = [f"report: {plan.report}"] if plan.report in paths else []
    for folder in ("tables", "figures"):
        root = f"{plan.results}/{folder}"
        below = [PurePath(path).relative_to(root) for path in paths if PurePath(path).is_relative_to(root)]
        if names := sorted({path.with_suffix("").as_posix() for path in below}):
            lines.append(f"{folder}: {root}/ ({', '.join(names)})")
    profiles = plan.profiles().root.parents[2]
    if any(PurePath(path).is_relative_to(profiles) for path in paths):
        lines.append(f"profiles: {profiles}/")
    lines += [f"atlas: {path}" for path in paths if PurePath(path).match(str(plan.profiles("*", "*", "*").atlas))]
    lines += [f"plates: {path}" for path in paths if PurePath(path).match(str(plan.plates("*").page))]
    return [*lines, *([f"scores: {plan.all_scores}"] if plan.all_scores in paths else [])]


def trainings(made: Iterable[str], plan: Plan) -> str | None:
    """Where the progress of the plan's trainings can be read; None where nothing is trained."""
    if not any(PurePath(path).match(str(plan.model("*", "*").weights)) for path in made):
        return None
    log = plan.log("train/*/*")
    return f"progress of each training, once it has begun: cwamsn watch {plan.results}, or tail -f {log}"


def own_command(configfiles: Iterable[str | Path]) -> str:
    """What a reader types, followed by a target, to make a part of the run that these files configure."""
    here = Path.cwd()
    files = [Path(path) for path in configfiles]
    shown = [str(path.relative_to(here) if path.is_relative_to(here) else path) for path in files]
    return " ".join(["snakemake --cores all", *(["--configfile", *map(shlex.quote, shown), "--"] if shown else [])])
