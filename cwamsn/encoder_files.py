"""The folder of an encoder: what a training leaves, or what an export makes of it. Light: a Snakefile imports it.

A training leaves `encoder.safetensors` and `encoder.json`, an export `model.safetensors` and `config.json`, which holds
the content of the `encoder.json` under :data:`TRAINING`. Both name the SHA-256 of their weights, and an export that of
its own description: an exchanged stain or another size of input would change what the features mean, and nothing else.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from cwamsn.errors import InputError
from cwamsn.files import read_json, sha256
from cwamsn.paths import ModelPaths

TRAINING = "training"
"""Key of an exported `config.json` that holds the content of the `encoder.json`."""
ENCODER = "encoder"
"""Key of an exported `config.json` that names an encoder for any number of channels; others have none."""
WEIGHTS, CONFIG = "model.safetensors", "config.json"
"""Files of an exported folder."""


CONFIG_DIGEST = "config_sha256"
"""Key of an exported `config.json`: digest of all else in it, see :func:`config_digest`."""
ANY_CHANNELS = ("bag-of-channels", "channel-tokens")
"""Values of `training.encoder` for encoders that take any number of channels; see :mod:`cwamsn.models.agnostic`."""


class EncoderFiles(NamedTuple):
    """Where an encoder's files lie."""

    weights: Path
    description: Path
    exported: bool
    """Whether an export wrote them."""


def encoder_files(folder: str | Path) -> EncoderFiles:
    """The files of the encoder in `folder`. Raises InputError where it holds none."""
    folder = Path(folder)
    trained = ModelPaths(folder)
    found = (
        EncoderFiles(trained.weights, trained.description, False),
        EncoderFiles(folder / WEIGHTS, folder / CONFIG, True),
    )
    for files in found:
        if files.weights.is_file() and files.description.is_file():
            return files
    if folder.is_file():
        raise InputError(f"{folder}: is a file; give the folder that holds it")
    for files in found:
        for path, other in ((files.weights, files.description), (files.description, files.weights)):
            if path.is_file():
                raise InputError(f"{other}: no such file; it belongs beside {path.name}: copy both, or train again")
    first = next(iter(sorted(folder.glob("**/encoder.json"))), None) if folder.is_dir() else None
    near = f"; there is one in {first.parent}" if first else ""
    raise InputError(
        f"{folder}: holds no encoder, neither encoder.safetensors with encoder.json nor {WEIGHTS} with {CONFIG}; "
        f"give the folder of a training, results/<run>/models/<method>/seed<k>, or an exported one{near}"
    )


def read_description(path: str | Path) -> Mapping[str, Any]:
    """What a training wrote about its encoder, from its `encoder.json` or from an exported `config.json`.

    Raises InputError for a file that is neither, and for a `config.json` that was changed since.
    """
    try:
        found = read_json(path)
        description = found[TRAINING] | {"weights_sha256": found["weights_sha256"]} if TRAINING in found else found
        missing = [key for key in ("recipe", "channels") if key not in description]
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError) as error:
        raise InputError(f"{path}: not the description of an encoder ({error!r}); train again") from None
    if missing:
        raise InputError(f"{path}: not the description of an encoder (lacks {missing[0]!r}); train again")
    if TRAINING in found:
        _check_config(path, found)
    return description


def config_digest(config: Mapping[str, Any]) -> str:
    """SHA-256 of the content of an exported `config.json` but for the digest itself, whatever its layout."""
    rest = {key: value for key, value in config.items() if key != CONFIG_DIGEST}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def _check_config(path: str | Path, config: Mapping[str, Any]) -> None:
    stated = config.get(CONFIG_DIGEST)
    if stated is None:
        raise InputError(f"{path}: names no digest of itself ({CONFIG_DIGEST}); export again")
    if stated != config_digest(config):
        raise InputError(
            f"{path}: was changed since it was exported: its {CONFIG_DIGEST} is not that of its content; copy the "
            "folder again, or export again"
        )


def check_weights(files: EncoderFiles, wanted: str | None = None) -> str:
    """SHA-256 of the weights, which the description must vouch for.

    wanted : a digest that they must have besides.

    Raises
    ------
    InputError
        They are other weights.
    """
    found, stated = sha256(files.weights), str(read_description(files.description).get("weights_sha256") or "")
    if not stated:
        raise InputError(f"{files.description}: names no digest of the weights (weights_sha256); train again")
    if found != stated:
        raise InputError(
            f"{files.weights}: its sha256 is not the {stated:.12}... of {files.description.name}; train again or copy "
            "both files"
        )
    if wanted and found != wanted.lower():
        raise InputError(f"{files.weights}: sha256 is {found}, wanted {wanted}; these are other weights")
    return found


def trained_on(description: Mapping[str, Any]) -> str:
    """The data of a training in a few words: its screen where the description has it, else the digest of its crops."""
    screen = description.get("training_screen")
    if screen:
        return f"{screen['name']} (simulated)" if screen["simulated"] else str(screen["name"])
    return f"crops {str(description.get('data_sha256', {}).get('crops', 'unknown'))[:12]}"


def takes_any_channels(description: Mapping[str, Any]) -> bool:
    """Whether the encoder of this description takes any number of channels, of whatever stains."""
    return description["recipe"].get("encoder") in ANY_CHANNELS
