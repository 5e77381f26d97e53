"""Checkpoints: one file, written atomically, with everything that the next step depends on, and its own digest.

A step that is followed by a checkpoint waits for a copy of the state in host memory, not for the file: a thread writes.
"""

import hashlib
import io
import json
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Protocol, Self, cast

import torch

from cwamsn.errors import InputError
from cwamsn.files import atomic_path
from cwamsn.live import say
from cwamsn.models import gather_rows, is_main
from cwamsn.training.log import TrainingLog
from cwamsn.training.recipe import Recipe
from cwamsn.training.snapshot import HostCopy, State
from cwamsn.training.weights import code_version

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
    """The checkpoint file of one training. At the end of a `with` block a file that is being written is complete."""

    def __init__(self, path: Path, fingerprint: str, minutes: float):
        self.path, self.fingerprint, self.minutes = path, fingerprint, minutes
        self._saved = time.monotonic()
        self._copy = HostCopy()
        self._writer: threading.Thread | None = None
        self._failed: list[BaseException] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if self._writer:
            self._writer.join()
        if error is None:
            self._raise_failure()

    def restore(self, trainer: Resumable, log: TrainingLog) -> None:
        """Set `trainer` and `log` to where the checkpoint was written, if there is one and it belongs to them."""
        if state := load_checkpoint(self.path, self.fingerprint, trainer.device):
            trainer.load_state_dict(state)
            log.resume(state["log"])
            if is_main():
                say(f"resumed after step {trainer.done} of {trainer.steps}")
        steps = gather_rows(torch.tensor([trainer.done], device=trainer.device)).tolist()
        if len(set(steps)) > 1:
            raise InputError(
                f"{self.path}: the processes begin after steps {sorted(set(steps))}; give the training a folder that "
                "all machines see"
            )
        self._saved = time.monotonic()

    def save_if_due(self, trainer: Resumable, log: TrainingLog, *, now: bool = False) -> None:
        """Save if the time between checkpoints has passed, or `now`; never after the last step. One process writes.

        The state is copied before this returns, and written by a thread; a save waits for the one before it, and one
        that is made `now` is complete on return.

        Raises
        ------
        InputError
            The file could not be written, then or at the save before.
        """
        self._raise_failure()
        due = now or time.monotonic() - self._saved >= 60 * self.minutes
        if is_main() and trainer.done < trainer.steps and due:
            self.finish()
            state, wait = self._copy.take({**trainer.state_dict(), "log": log.state, "fingerprint": self.fingerprint})
            self._writer = threading.Thread(target=self._write, args=(state, wait), name="checkpoint")
            self._writer.start()
            self._saved = time.monotonic()
            if now:
                self.finish()

    def finish(self) -> None:
        """Wait until what is being written is complete, and raise what went wrong with it."""
        if self._writer:
            self._writer.join()
        self._raise_failure()

    def _write(self, state: State, wait: Callable[[], None]) -> None:
        try:
            wait()
            save_checkpoint(self.path, state)
        except BaseException as error:  # the training's own thread raises it
            self._failed.append(error)

    def _raise_failure(self) -> None:
        if not self._failed:
            return
        error = self._failed.pop()
        if isinstance(error, OSError):
            reason = error.strerror or error
            raise InputError(
                f"{self.path}: the checkpoint cannot be written: {reason}; free some space or see to the disk, then "
                "start the same command again"
            ) from error
        raise error


class _Digesting:
    """A file that what is written to it goes through a digest on the way."""

    def __init__(self, handle: IO[bytes]):
        self.handle, self.digest = handle, hashlib.sha256()
        self.failed: OSError | None = None

    def write(self, data: bytes) -> int:
        self.digest.update(data)
        try:
            return self.handle.write(data)
        except OSError as error:
            self.failed = self.failed or error
            raise

    def flush(self) -> None:
        self.handle.flush()


def save_checkpoint(path: Path, state: State) -> None:
    """Write `state` after a line with the SHA-256 of all that follows."""
    with atomic_path(path) as temporary, temporary.open("wb") as handle:
        handle.write(b"0" * 64 + b"\n")
        content = _Digesting(handle)
        try:
            torch.save(state, cast("IO[bytes]", content))
        except RuntimeError as error:  # torch's own, about positions in the file, hides that the disk is full
            raise content.failed or error from None
        handle.seek(0)
        handle.write(content.digest.hexdigest().encode())


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
