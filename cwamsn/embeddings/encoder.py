"""An encoder from the files that the training stage wrote, checked before it is used."""

import json
from pathlib import Path
from typing import TypedDict, cast

import torch

from cwamsn.errors import InputError
from cwamsn.files import read_json, sha256
from cwamsn.paths import ModelPaths
from cwamsn.training import restore_encoder


class EncoderMeta(TypedDict):
    """What :func:`cwamsn.embeddings.images.embed` needs to know of an encoder; its description holds further keys."""

    in_channels: int
    view_size: int
    """Side of its input, pixels."""
    channels: list[str] | None
    """Stains that it takes, in order; None: any."""


def load_encoder(
    folder: str | Path, network: str = "target", feature: str = "cls_last_block"
) -> tuple[torch.nn.Module, EncoderMeta]:
    """Load a trained encoder.

    Parameters
    ----------
    folder : holds `encoder.safetensors` and `encoder.json`
    network : `target` (the moving average) or `anchor`
    feature : `cls_last_block`, `cls_norm` or `head`

    Returns
    -------
    A module from images (B, C, H, W) to features (B, D), in evaluation mode and without gradients; and the content of
    `encoder.json` with the keys of :class:`EncoderMeta`.

    Raises
    ------
    InputError
        When a file is missing, the weights are not those that `encoder.json` was written with, or a weight is missing,
        surplus or of another shape (as with another number of channels).
    """
    paths = ModelPaths(Path(folder))
    weights, description = paths.weights, paths.description
    for path in (weights, description):
        if not path.is_file():
            raise InputError(f"{path}: no such file; train the method first")
    try:
        wanted = read_json(description)["weights_sha256"]
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise InputError(f"{description}: not the description of an encoder ({error!r}); train again") from None
    if sha256(weights) != wanted:
        raise InputError(
            f"{weights}: its sha256 is not the {wanted[:12]}... of encoder.json; train again or copy both files"
        )
    encoder, meta = restore_encoder(folder, network, feature)
    sizes = {"in_channels": len(meta["channels"]), "view_size": meta["input_size"]}
    return encoder, cast(EncoderMeta, meta | sizes)
