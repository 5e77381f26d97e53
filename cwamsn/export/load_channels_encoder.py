"""Load the encoder of this folder, which takes any number of channels, with timm, torch and safetensors alone.

    from load_encoder import load_encoder, normalised
    encoder, config = load_encoder(channels=["DNA", "ER", "Actin"])  # names and order of your images
    features = encoder(normalised(images, mean, std, config["input_size"]))

`images`: uint8 (B, C, H, W). `mean`, `std`: of your own screen, one number per channel in 0-255 units.
preprocessing.json says how the images of the training became 8-bit.
"""

import json
import warnings
from pathlib import Path
from typing import Any

import timm
import torch
from safetensors.torch import load_file

HERE = Path(__file__).parent


def load_encoder(
    folder: str | Path = HERE, feature: str | None = None, channels: list[str] | None = None
) -> tuple[torch.nn.Module, Any]:
    """A module from normalised images (B, C, s, s) to features (B, D), and its config.json.

    channels : stains of the images, in order, named as in `config["channels"]`, those of the training, which None takes
    """
    config = json.loads((Path(folder) / "config.json").read_text())
    stains = channels or config["channels"]
    if new := [name for name in stains if name not in config["channels"]]:
        warnings.warn(f"no stains of the training ({', '.join(config['channels'])}): {', '.join(new)}", stacklevel=2)
    vit: Any = timm.create_model(config["architecture"], in_chans=1, num_classes=0, **config["model_args"])
    state = load_file(Path(folder) / "model.safetensors")
    vectors = state.pop("channel_embed", None)
    vit.load_state_dict(state)
    if (feature or config["feature"]) == "cls_last_block":
        vit.norm = torch.nn.Identity()  # the class token after the last block, before the final LayerNorm
    if vectors is not None:
        own = dict(zip(config["channels"], vectors))
        vectors = torch.stack([own.get(name, vectors.mean(dim=0)) for name in stains])
    return AnyChannels(vit, vectors, len(stains)).eval().requires_grad_(False), config


class AnyChannels(torch.nn.Module):
    """A transformer of one channel, for several: the mean over them, or with `vectors` all patches in one sequence."""

    def __init__(self, vit: Any, vectors: torch.Tensor | None, channels: int):
        super().__init__()
        self.vit, self.channels = vit, channels
        self.vectors: Any = None if vectors is None else torch.nn.Parameter(vectors)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        if images.shape[1] != self.channels:
            raise ValueError(f"images of {images.shape[1]} channels, loaded for {self.channels}; see load_encoder")
        vit, one, shape = self.vit, images.flatten(0, 1).unsqueeze(1), (-1, self.channels)
        if self.vectors is None:
            return vit(one).unflatten(0, shape).mean(dim=1)
        patches = (vit.patch_embed(one) + vit.pos_embed[:, 1:]).unflatten(0, shape) + self.vectors[:, None]
        first = (vit.cls_token + vit.pos_embed[:, :1]).expand(images.shape[0], -1, -1)
        tokens = vit.norm_pre(torch.cat([first, patches.flatten(1, 2)], dim=1))
        return vit.norm(vit.blocks(tokens))[:, 0]


def normalised(images: torch.Tensor, mean: list[float], std: list[float], size: int) -> torch.Tensor:
    """Whole images resized to `size` (bilinear, with a low-pass filter), minus mean, divided by standard deviation."""
    seen = images.float()
    if seen.shape[-2:] != (size, size):
        seen = torch.nn.functional.interpolate(seen, size=(size, size), mode="bilinear", antialias=True)
    shift, scale = (torch.tensor(values, dtype=torch.float32).view(1, -1, 1, 1) for values in (mean, std))
    return (seen - shift) / scale
