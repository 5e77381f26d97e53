"""Checkpoints: one file, written atomically, with everything that the next step depends on, and its own digest."""

import hashlib
import io
import json
from pathlib import Path
from typing import Any

import torch

from cwamsn.files import atomic_path
from cwamsn.live import say
from cwamsn.models import world
from cwamsn.training.weights import code_version

# keys of the recipe that do not change the weights
_INCIDENTAL = ("checkpoint_minutes", "keep_checkpoint")


def identity(recipe: dict[str, Any], seed: int, data: dict[str, str]) -> str:
    """Digest of what a checkpoint belongs to: recipe, seed, data, the training's code and torch's version."""
    kept = {key: value for key, value in recipe.items() if key not in _INCIDENTAL}
    told = [kept, seed, data, code_version(), torch.__version__]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write `state` after a line with the SHA-256 of all that follows."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    content = buffer.getbuffer()
    with atomic_path(path) as temporary, temporary.open("wb") as handle:
        handle.write(hashlib.sha256(content).hexdigest().encode() + b"\n")
        handle.write(content)


def load_checkpoint(path: Path, wanted: str, device: torch.device) -> dict[str, Any] | None:
    """The checkpoint at `path`; None, with a line that says why, where it is damaged or its identity is not `wanted`.

    A training without a checkpoint starts afresh and gives the same weights, only later.
    """
    if not path.exists():
        return None
    digest, _, content = path.read_bytes().partition(b"\n")
    if hashlib.sha256(content).hexdigest().encode() != digest:
        return _afresh(f"{path}: is damaged, its SHA-256 is another than when it was written")
    state = torch.load(io.BytesIO(content), map_location=device, weights_only=True)
    if state["identity"] != wanted:
        return _afresh(f"{path}: belongs to another recipe, precision, seed, data or code")
    return state


def _afresh(reason: str) -> None:
    if world()[0] == 0:
        say(f"{reason}; starting afresh")
