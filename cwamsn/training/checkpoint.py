"""Checkpoints: one file, written atomically, with everything that the next step depends on, and its own digest."""

import hashlib
import io
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import torch

from cwamsn.files import atomic_path
from cwamsn.live import say
from cwamsn.models import is_main
from cwamsn.training.log import TrainingLog
from cwamsn.training.recipe import Recipe
from cwamsn.training.weights import code_version

State = dict[str, Any]  # nested dictionaries of tensors and plain values, as torch saves them
# keys of the recipe that do not change the weights
_INCIDENTAL = ("checkpoint_minutes", "keep_checkpoint")


class Resumable(Protocol):
    """What a checkpoint needs of a trainer."""

    steps: int
    done: int
    device: torch.device

    def state_dict(self) -> State: ...
    def load_state_dict(self, state: State) -> None: ...


def fingerprint(recipe: Recipe, precision: str, seed: int, data: Mapping[str, str]) -> str:
    """Digest of what a checkpoint belongs to: recipe, precision, seed, data, the training's code and torch's version.

    precision : the resolved one; weights that two precisions took turns in are those of neither.
    data : SHA-256 of the files that were read, by name.
    """
    kept = {key: value for key, value in recipe.to_config().items() if key not in _INCIDENTAL}
    parts = [kept | {"precision": precision}, seed, dict(data), code_version(), torch.__version__]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


class Checkpoint:
    """The checkpoint file of one training."""

    def __init__(self, path: Path, fingerprint: str, minutes: float):
        self.path, self.fingerprint, self.minutes = path, fingerprint, minutes
        self._saved = time.monotonic()

    def restore(self, trainer: Resumable, log: TrainingLog) -> None:
        """Set `trainer` and `log` to where the checkpoint was written, if there is one and it belongs to them."""
        if state := load_checkpoint(self.path, self.fingerprint, trainer.device):
            trainer.load_state_dict(state)
            log.resume(state["log"])
            if is_main():
                say(f"resumed after step {trainer.done} of {trainer.steps}")
        self._saved = time.monotonic()

    def save_if_due(self, trainer: Resumable, log: TrainingLog, *, now: bool = False) -> None:
        """Save if the time between checkpoints has passed, or `now`; never after the last step. One process writes."""
        due = now or time.monotonic() - self._saved >= 60 * self.minutes
        if is_main() and trainer.done < trainer.steps and due:
            save_checkpoint(self.path, {**trainer.state_dict(), "log": log.state, "fingerprint": self.fingerprint})
            self._saved = time.monotonic()


def save_checkpoint(path: Path, state: State) -> None:
    """Write `state` after a line with the SHA-256 of all that follows."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    content = buffer.getbuffer()
    with atomic_path(path) as temporary, temporary.open("wb") as handle:
        handle.write(hashlib.sha256(content).hexdigest().encode() + b"\n")
        handle.write(content)


def load_checkpoint(path: Path, wanted: str, device: torch.device) -> State | None:
    """The checkpoint at `path`; None, with a line that says why, if it is damaged or its fingerprint is not `wanted`.

    A training without a checkpoint starts afresh and gives the same weights, only later.
    """
    if not path.exists():
        return None
    digest, _, content = path.read_bytes().partition(b"\n")
    if hashlib.sha256(content).hexdigest().encode() != digest:
        _afresh(f"{path}: is damaged: its SHA-256 is not that of what was written")
        return None
    state = torch.load(io.BytesIO(content), map_location=device, weights_only=True)
    if state.get("fingerprint") != wanted:
        _afresh(f"{path}: belongs to another recipe, precision, seed, data or code")
        return None
    return state


def _afresh(reason: str) -> None:
    if is_main():
        say(f"{reason}; starting afresh")
