"""Where a run's products are: the lines at the end of a run."""

from collections.abc import Iterable
from pathlib import PurePath

# What a reader opens first, by folder or name below the run's results.
OPENED = (("report", "report.html"), ("tables", "tables"), ("figures", "figures"), ("scores", "scores.parquet"))


def products(made: Iterable[str], results: str) -> list[str]:
    """Lines `kind: path` for the files among `made` below `results`; of tables and figures the folder and their names.

    `made` are the outputs of the run's plan. The list is empty where it made nothing that a reader would open.
    """
    below = sorted({PurePath(p).relative_to(results) for p in made if PurePath(p).is_relative_to(results)})
    lines = []
    for kind, name in OPENED:
        found = [p for p in below if p.parts[0] == name]
        if found and PurePath(name).suffix:
            lines.append(f"{kind}: {results}/{name}")
        elif names := sorted({p.stem for p in found}):
            lines.append(f"{kind}: {results}/{name}/ ({', '.join(names)})")
    return lines


def trainings(made: Iterable[str], results: str) -> str | None:
    """Where the progress of the plan's trainings can be read; None where nothing is trained."""
    if not any(PurePath(p).match(f"{results}/models/*/*/encoder.safetensors") for p in made):
        return None
    return f"progress of each training, once it has begun: tail -f {results}/logs/train/*/*.log"
