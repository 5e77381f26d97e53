"""Load the encoder of this folder, a bank of learned filters, with torch and safetensors alone.

    from load_encoder import load_encoder, normalised
    encoder, config = load_encoder()
    features = encoder(normalised(images, mean, std, config["input_size"]))

`images`: uint8 (B, C, H, W), channels in the order of `config["channels"]`. `mean`, `std`: of your own screen, one
number per channel in 0-255 units. preprocessing.json says how the images of the training became 8-bit.
"""

import json
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import nn

HERE = Path(__file__).parent


def load_encoder(folder: str | Path = HERE, feature: str | None = None) -> tuple[nn.Module, Any]:
    """A module from normalised images (B, C, s, s) to features (B, D), and its config.json; `feature` is ignored."""
    config = json.loads((Path(folder) / "config.json").read_text())
    model = FilterBank(len(config["channels"]), **config["model_args"])
    model.load_state_dict(load_file(Path(folder) / "model.safetensors"))
    model.to(memory_format=torch.channels_last)  # faster on a CPU
    return model.eval().requires_grad_(False), config


class FilterBank(nn.Module):
    """Mean and standard deviation of filter responses at several scales, each half of the one before."""

    def __init__(
        self,
        channels: int,
        widths: list[int],
        kernel: int,
        stride: int,
        standardise: bool,
        features: int | None,
        **training: Any,
    ):
        super().__init__()
        self.standardise, pooled = standardise, 2 * sum(widths)
        self.narrow = nn.Linear(pooled, features) if features else nn.Identity()
        self.norm = nn.LayerNorm(pooled, elementwise_affine=False) if features else nn.Identity()
        self.scales = nn.ModuleList([nn.Conv2d(channels, n, kernel, stride, padding=kernel // 2) for n in widths])

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        if self.standardise:  # each channel of each image; .05 keeps an empty one from becoming noise
            centred = images - images.mean((2, 3), keepdim=True)
            images = centred / (centred.square().mean((2, 3), keepdim=True).sqrt() + 0.05)
        found = []
        for number, filters in enumerate(self.scales):
            images = F.avg_pool2d(images, 2) if number else images
            responses = F.gelu(filters(images))
            mean = responses.mean((2, 3))
            variance = (responses.square().mean((2, 3)) - mean.square()).clamp_min(0)
            found += [mean, (variance + 1e-4).sqrt()]
        return self.narrow(self.norm(torch.cat(found, dim=1)))


def normalised(images: torch.Tensor, mean: list[float], std: list[float], size: int) -> torch.Tensor:
    """Whole images resized to `size` (bilinear, with a low-pass filter), minus mean, divided by standard deviation."""
    seen = images.float()
    if seen.shape[-2:] != (size, size):
        seen = F.interpolate(seen, size=(size, size), mode="bilinear", antialias=True)
    shift, scale = (torch.tensor(values, dtype=torch.float32).view(1, -1, 1, 1) for values in (mean, std))
    return (seen - shift) / scale
