"""Load the encoder of this folder with timm, torch and safetensors alone.

    from load_encoder import load_encoder, normalised
    encoder, config = load_encoder()
    features = encoder(normalised(images, mean, std, config["input_size"]))

`images`: uint8 (B, C, H, W), channels in the order of `config["channels"]`. `mean`, `std`: of your own screen, one
number per channel in 0-255 units. preprocessing.json says how the images of the training became 8-bit.
"""

import json
from pathlib import Path
from typing import Any

import timm
import torch
from safetensors.torch import load_file

HERE = Path(__file__).parent


def load_encoder(folder: str | Path = HERE, feature: str | None = None) -> tuple[torch.nn.Module, Any]:
    """A module from normalised images (B, C, s, s) to features (B, D), and its config.json."""
    config = json.loads((Path(folder) / "config.json").read_text())
    channels = len(config["channels"])
    model: Any = timm.create_model(config["architecture"], in_chans=channels, num_classes=0, **config["model_args"])
    model.load_state_dict(load_file(Path(folder) / "model.safetensors"))
    if config["class_token"] and (feature or config["feature"]) == "cls_last_block":
        model.norm = torch.nn.Identity()  # the class token after the last block, before the final LayerNorm
    return model.eval().requires_grad_(False), config


def normalised(images: torch.Tensor, mean: list[float], std: list[float], size: int) -> torch.Tensor:
    """Whole images resized to `size` (bilinear, with a low-pass filter), minus mean, divided by standard deviation."""
    seen = images.float()
    if seen.shape[-2:] != (size, size):
        seen = torch.nn.functional.interpolate(seen, size=(size, size), mode="bilinear", antialias=True)
    shift, scale = (torch.tensor(values, dtype=torch.float32).view(1, -1, 1, 1) for values in (mean, std))
    return (seen - shift) / scale
