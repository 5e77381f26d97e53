"""A head as files: `head.safetensors`, and `head.json` with what it was trained on and how it did."""

import hashlib
import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from cwamsn.errors import InputError
from cwamsn.files import atomic_path, read_json, sha256, write_json
from cwamsn.heads.network import Head
from cwamsn.heads.options import HeadOptions
from cwamsn.heads.train import TrainedHead
from cwamsn.paths import ModelPaths

WEIGHTS, DESCRIPTION = ModelPaths(Path()).head.name, ModelPaths(Path()).head_description.name


def save_head(
    trained: TrainedHead,
    options: HeadOptions,
    folder: Path,
    about: Mapping[str, object],
    more: Mapping[str, object] | None = None,
) -> None:
    """Write a head.

    Parameters
    ----------
    trained, options : the head and how it was trained
    folder : made if it is not there
    about : what of the features is worth keeping: names, alignment, where they come from
    more : further keys of the description
    """
    folder.mkdir(parents=True, exist_ok=True)
    state = {name: tensor.contiguous() for name, tensor in trained.head.state_dict().items()}
    with atomic_path(folder / WEIGHTS) as temporary:
        save_file(state, temporary)
    looks = [{key: _number(value) for key, value in row.items()} for row in trained.log.to_dict("records")]
    description = {
        **(more or {}),
        "features": len(trained.head.mean),
        "options": asdict(options),
        "trained_on": trained.trained_on,
        "validated_on": trained.validated_on,
        "precision_before": _number(trained.before),
        "precision_scaled": _number(trained.scaled),
        "precision_after": _number(trained.after),
        "steps": trained.steps,
        "log": looks,
        "about": dict(about),
        "weights_sha256": hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest(),
    }
    write_json(description, folder / DESCRIPTION)


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value


def load_head(folder: Path) -> tuple[Head, Mapping[str, Any]]:
    """A head and its description. Raises InputError for a folder without one, or weights that were changed."""
    for name in (WEIGHTS, DESCRIPTION):
        if not (folder / name).is_file():
            raise InputError(f"{folder}: holds no {name}; give the folder of a head, as cwamsn align --learn wrote it")
    known = read_json(folder / DESCRIPTION)
    if sha256(folder / WEIGHTS) != known["weights_sha256"]:
        raise InputError(f"{folder / WEIGHTS}: is not the file that {DESCRIPTION} names; learn the head again")
    head = Head(known["features"], HeadOptions(**known["options"]))
    try:
        head.load_state_dict(load_file(folder / WEIGHTS))
    except (SafetensorError, RuntimeError) as error:
        raise InputError(f"{folder / WEIGHTS}: no weights of this head ({str(error).splitlines()[0]})") from None
    return head.eval(), known
