"""An encoder from the files that the training stage wrote, or an export, checked before it is used."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, NotRequired, TypedDict, cast

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from cwamsn.encoder_files import ENCODER, EncoderFiles, check_weights, encoder_files, read_description
from cwamsn.errors import InputError
from cwamsn.files import read_json
from cwamsn.models import build_encoder, load_exported
from cwamsn.models.exported import Exportable
from cwamsn.training import Embedder, restore_encoder


class EncoderMeta(TypedDict):
    """What :func:`cwamsn.embeddings.images.embed` needs to know of an encoder; its description holds further keys."""

    in_channels: int
    view_size: int
    """Side of its input, pixels."""
    channels: list[str] | None
    """Stains that it takes, in order; None: any."""
    training_screen: NotRequired[Mapping[str, object]]
    """Where the images of its training come from; `microns_per_pixel` counts."""
    image_size: NotRequired[list[int]]
    """Height and width of the images of its training, pixels."""


class LoadedEncoder(NamedTuple):
    """An encoder, and what is known of it."""

    encoder: torch.nn.Module
    """From normalised images (B, C, H, W) to features (B, D), in evaluation mode and without gradients."""
    meta: EncoderMeta
    """Its description, with the keys of :class:`EncoderMeta`."""


def load_encoder(
    folder: str | Path, network: str = "target", feature: str = "cls_last_block", *, sha256: str | None = None
) -> LoadedEncoder:
    """Load a trained encoder.

    Parameters
    ----------
    folder : of a training (`encoder.safetensors` and `encoder.json`), or of an export (`model.safetensors` and
        `config.json`)
    network : `target` (the moving average) or `anchor`; an export holds one of them
    feature : `cls_last_block`, `cls_norm` or `head`; an export holds no projection head
    sha256 : digest that the weights must have

    Returns
    -------
    A module from images (B, C, H, W) to features (B, D), in evaluation mode and without gradients; and the content of
    `encoder.json` with the keys of :class:`EncoderMeta`.

    Raises
    ------
    InputError
        When a file is missing, the weights are not those that the description was written with, or a weight is missing,
        surplus or of another shape (as with another number of channels).
    """
    files = encoder_files(folder)
    check_weights(files, sha256)
    known = read_json(files.description)
    needed = ("features", "network", "architecture", "model_args") if files.exported else ("classes",)
    if missing := [key for key in (*needed, "input_size") if key not in known]:
        raise InputError(f"{files.description}: lacks {' and '.join(missing)}; copy it again, or train again")
    if files.exported:
        encoder, meta = _restore_exported(files, network, feature), dict(read_description(files.description))
    else:
        encoder, meta = restore_encoder(folder, network, feature)
    sizes = {"in_channels": len(meta["channels"]), "view_size": meta["input_size"]}
    return LoadedEncoder(encoder, cast(EncoderMeta, meta | sizes))


def _restore_exported(files: EncoderFiles, network: str, feature: str) -> torch.nn.Module:
    config = read_json(files.description)
    if feature not in config["features"]:
        raise InputError(
            f"embedding.feature: {feature!r} is not in the exported {files.weights}; it gives "
            f"{', '.join(config['features'])}: choose one, or take the folder of the training"
        )
    held = config["network"]
    if network != held and len(config["training"]["networks"]) > 1:
        raise InputError(
            f"embedding.encoder: {network!r} is not in the exported {files.weights}, which holds {held!r}; choose it, "
            "or take the folder of the training"
        )
    options = dict(config["model_args"]) | ({"backbone": config["architecture"]} if ENCODER in config else {})
    with torch.random.fork_rng(devices=[]):
        encoder = build_encoder(config.get(ENCODER, config["architecture"]), len(config["channels"]), **options)
    try:
        load_exported(cast(Exportable, encoder), load_file(files.weights), files.weights)
    except SafetensorError as error:
        raise InputError(f"{files.weights}: cannot be read ({error}); export again") from None
    return Embedder(encoder, None, feature != "cls_last_block").eval().requires_grad_(False)
