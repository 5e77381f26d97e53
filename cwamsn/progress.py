"""How far trainings have come, from the files that they leave while they run: for `cwamsn watch`. No torch, no pandas.

Of a training that runs there is `progress.json`, written at its start, and `log.csv`, with a row per window of steps.
Of one that has ended there is `encoder.json` in place of the first.
"""

import csv
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cwamsn.errors import InputError
from cwamsn.files import read_json
from cwamsn.live import duration
from cwamsn.paths import ModelPaths

MOVED = 0.02
"""Share of its start that a loss must have left behind before it counts as moving."""
RECENT = 3
"""Windows that the pace is taken from."""
SILENT = 4.0, 120.0
"""A training is silent once its log is older than so many windows, and than so many seconds."""


@dataclass(frozen=True, kw_only=True)
class Progress:
    """One training, as its files say; None where they do not say it."""

    name: str
    step: int
    """Steps that the log has seen."""
    steps: int | None
    """Steps in all."""
    loss: float | None = None
    """Of the last window; the part on the prototypes alone, where there are any."""
    start: float | None = None
    """Where the loss began: ln K of K prototypes, else the first window's."""
    prototypes: int | None = None
    """K, where the objective uses prototypes."""
    prototypes_used: float | None = None
    """Effective number of prototypes that the anchors use."""
    images_per_second: float | None = None
    waiting: float | None = None
    """Share of the time in which the device waited for batches."""
    seconds_left: float | None = None
    age: float | None = None
    """Seconds since the last window ended; None where there is none, or where the training has ended."""
    window_seconds: float | None = None
    warmup_steps: int = 0
    finished: bool = False

    @property
    def silent(self) -> bool:
        """Whether a new window is long overdue."""
        windows, least = SILENT
        return self.age is not None and self.age > max(windows * (self.window_seconds or 0), least)


def trainings_at(path: Path) -> list[Path]:
    """Folders of the trainings at `path`: a run, one training, or its `log.csv`; in order of their names.

    Raises
    ------
    InputError
        There is no such path.
    """
    if not path.exists() and (below := Path("results") / path).exists():
        path = below
    if not path.exists():
        raise InputError(f"{path}: no such folder; give the folder of a run (results/RUN) or of one training in it")
    if path.is_file():
        return [path.parent]
    begun = [p.parent for name in _names() for p in (*path.glob(name), *path.glob(f"models/*/seed*/{name}"))]
    return sorted(set(begun))


def _names() -> list[str]:
    paths = ModelPaths(Path())
    return [str(paths.progress), str(paths.log)]


def progress_of(folder: Path, now: float | None = None) -> Progress:
    """What the files of a training say.

    Parameters
    ----------
    folder : of one training.
    now : seconds since the epoch; None: now.

    Raises
    ------
    InputError
        A file in it is not what a training writes.
    """
    paths = ModelPaths(folder)
    name = f"{folder.parent.name}/{folder.name}"
    known = _known(paths)
    rows = _rows(paths.log) if paths.log.exists() else []
    finished = paths.description.exists() and not paths.progress.exists()
    if not rows:
        return Progress(name=name, step=0, steps=known.get("steps"), finished=finished)
    last, age = rows[-1], (time.time() if now is None else now) - paths.log.stat().st_mtime
    prototypes = int(known["prototypes"]) if "prototypes" in known and "prototypes_used" in last else None
    column = "cross_entropy" if prototypes and "cross_entropy" in last else "loss"
    windows = [(b["step"] - a["step"], b["seconds"]) for a, b in zip([{"step": 0.0}, *rows], rows) if "seconds" in b]
    recent = windows[-RECENT:]
    steps, per_step = known.get("steps"), sum(s for _, s in recent) / max(sum(n for n, _ in recent), 1)
    left = (steps - last["step"]) * per_step if steps is not None and recent and not finished else None
    return Progress(
        name=name,
        step=int(last["step"]),
        steps=steps,
        loss=last.get(column),
        start=math.log(prototypes) if prototypes else rows[0].get(column),
        prototypes=prototypes,
        prototypes_used=last.get("prototypes_used"),
        images_per_second=last.get("images_per_second"),
        waiting=last.get("waiting"),
        seconds_left=left,
        age=None if finished else max(age, 0.0),
        window_seconds=recent[-1][1] if recent else None,
        warmup_steps=int(known.get("warmup_steps", 0)),
        finished=finished,
    )


def _known(paths: ModelPaths) -> dict[str, int]:
    """Steps, prototypes and steps of the warm-up, as far as the files say."""
    path = paths.progress if paths.progress.exists() else paths.description
    if not path.exists():
        return {}
    try:
        found: Any = read_json(path)
        recipe = found.get("recipe", found)
        steps = int(found["steps"])
        warmup = steps * recipe.get("warmup_epochs", 0) / max(recipe.get("epochs", 1), 1)
        return {"steps": steps, "prototypes": int(recipe["prototypes"]), "warmup_steps": int(warmup)}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: not what a training writes ({error!r}); train again") from None


def _rows(log: Path) -> list[dict[str, float]]:
    with log.open(newline="") as handle:
        try:
            rows = [{k: float(v) for k, v in row.items() if v not in (None, "")} for row in csv.DictReader(handle)]
        except (ValueError, TypeError) as error:
            raise InputError(f"{log}: not the log of a training ({error}); give a training's folder") from None
    if any("step" not in row for row in rows):
        raise InputError(f"{log}: not the log of a training (no column step); give a training's folder")
    return rows


def in_words(found: Progress) -> list[str]:
    """A training in a few lines, the last one a plain sentence."""
    of = f" of {found.steps:,} ({found.step / found.steps:.0%})" if found.steps else ""
    left = f", {duration(found.seconds_left)} left" if found.seconds_left is not None else ""
    lines = [f"{found.name}: step {found.step:,}{of}{left}"]
    if found.loss is not None:
        lines.append(f"  loss {found.loss:.3f}{_against(found)}")
        rates = [
            f"prototypes used {found.prototypes_used:,.1f} of {found.prototypes:,}"
            if found.prototypes and found.prototypes_used is not None
            else "",
            f"{found.images_per_second:,.3g} images per second" if found.images_per_second is not None else "",
            f"{found.waiting:.0%} of the time waiting for batches" if found.waiting is not None else "",
        ]
        lines.append("  " + ", ".join(filter(None, rates)))
    return [*lines, f"  {sentence(found)}"]


def _against(found: Progress) -> str:
    if found.start is None:
        return ""
    if found.prototypes:
        return f" (cross-entropy), ln K = {found.start:.3f} for K = {found.prototypes:,} prototypes"
    return f", {found.start:.3f} in the first window"


def sentence(found: Progress) -> str:
    """What a reader must know of a training: whether it is silent, over, stuck at its start, or on its way."""
    if found.finished and not found.steps:
        return "Finished: nothing to train."
    if found.loss is None or found.start is None:
        return "No window of its log is complete yet."
    if found.silent:
        return (
            f"Silent: the last window ended {duration(found.age or 0)} ago"
            + (f", and one takes {duration(found.window_seconds)}" if found.window_seconds else "")
            + ". If the job is gone, the same command goes on from its checkpoint."
        )
    if not math.isfinite(found.loss):
        return "The loss is not finite: lower training.peak_lr."
    moved = (found.start - found.loss) / max(abs(found.start), 1e-9)
    if moved >= MOVED:
        return f"{'Finished: the' if found.finished else 'The'} loss has left its start: {moved:.0%} below it."
    early = max(found.warmup_steps, (found.steps or 0) // 10)
    if found.step < early and not found.finished:
        return f"Too early to judge the loss: look again after step {early:,}."
    what = "that of a guess among the prototypes" if found.prototypes else "that of its first window"
    the = "Finished, but the" if found.finished else "The"
    return (
        f"{the} loss has not left its start: after {found.step:,} steps it is still {what}. Check the images "
        "(cwamsn check) and the pairs (same_... in log.csv), then try another training.peak_lr."
    )


def summary(every: Sequence[Progress]) -> list[str]:
    """All trainings in words; one line where none has begun."""
    return [line for found in every for line in in_words(found)] or ["No training has begun."]
