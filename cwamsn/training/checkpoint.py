"""Checkpoints: one file, written atomically, with everything that the next step depends on."""

import hashlib
import json
from pathlib import Path
from typing import Any

import torch

from cwamsn.files import atomic_path

# keys of the recipe that do not change the weights
_INCIDENTAL = ("checkpoint_minutes", "keep_checkpoint")


def identity(recipe: dict[str, Any], seed: int, data: dict[str, str]) -> str:
    """Digest of what a checkpoint belongs to: recipe, seed and data."""
    kept = {key: value for key, value in recipe.items() if key not in _INCIDENTAL}
    return hashlib.sha256(json.dumps([kept, seed, data], sort_keys=True).encode()).hexdigest()


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    with atomic_path(path) as temporary:
        torch.save(state, temporary)


def load_checkpoint(path: Path, wanted: str, device: torch.device) -> dict[str, Any] | None:
    """The checkpoint at `path`, or None where there is none with the identity `wanted`."""
    if not path.exists():
        return None
    state = torch.load(path, map_location=device, weights_only=True)
    if state["identity"] != wanted:
        print(f"{path}: belongs to another recipe, seed or data; starting afresh", flush=True)
        return None
    return state
