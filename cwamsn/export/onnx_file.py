"""An encoder as one ONNX file."""

import importlib.util
from collections.abc import Sequence
from pathlib import Path

import torch

from cwamsn.embeddings import EmbedOptions
from cwamsn.embeddings.channels import fit_channels
from cwamsn.embeddings.encoder import load_encoder
from cwamsn.errors import InputError
from cwamsn.files import atomic_path
from cwamsn.models import set_attention

PACKAGES = ("onnx", "onnxscript")


def to_onnx(
    folder: str | Path,
    path: str | Path,
    embedding: EmbedOptions | None = None,
    *,
    channels: Sequence[str] | None = None,
) -> Path:
    """Write an encoder as ONNX: input `images`, float32 (batch, C, s, s), normalised; output `features` (batch, D).

    Parameters
    ----------
    folder : of a training or an export
    path : file to write
    embedding : section `embedding`: which of the two encoders, which feature, side of the view; None: its defaults
    channels : stains of the images, in order: another order than the training's or, for an encoder that takes any
        channels, any stains; None: those of the training. The file is for these

    Returns
    -------
    `path`. The batch is dynamic, the side of the images is not. Outputs equal torch's but for rounding.

    Raises
    ------
    InputError
        The folder holds no encoder, it does not take `channels`, or torch's exporter lacks a package.
    """
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise InputError(f"onnx: {' and '.join(missing)} not installed; pip install {' '.join(PACKAGES)}")
    options = embedding or EmbedOptions()
    found = load_encoder(folder, options.encoder, options.feature)
    encoder, meta, _ = fit_channels(*found, channels or found.meta["channels"] or ())
    set_attention(encoder, "eager")  # plain products and a softmax, which every runtime has
    size = options.view_size or meta["view_size"]
    example = torch.zeros(2, meta["in_channels"], size, size)
    with atomic_path(path) as temporary:
        torch.onnx.export(
            encoder,
            (example,),
            str(temporary),
            input_names=["images"],
            output_names=["features"],
            dynamo=True,
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            external_data=False,
            verbose=False,
        )
    return Path(path)
