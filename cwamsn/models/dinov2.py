"""DINOv2 (Oquab et al. 2023, arXiv:2304.07193) with the position embedding of its own code."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from cwamsn.errors import InputError
from cwamsn.models.published import TimmFeatures


class Dinov2(TimmFeatures):
    """A timm model of DINOv2 on RGB images in 0-1.

    timm resizes the position embedding, which the weights hold for 518 pixels, by another rule than the published code;
    features of an image of 224 pixels then differ in the second digit.

    Parameters
    ----------
    name : the timm model, without register tokens.
    pool : `token` for the class token, `avg` for the mean of the patch tokens, each after the final norm.
    """

    def __init__(self, name: str, pool: str, **options: object):
        super().__init__(name, 3, pool, "imagenet", **options)
        self.model.patch_embed.strict_img_size = False

    def forward(self, images: Tensor) -> Tensor:
        model, (height, width) = self.model, images.shape[-2:]
        side, other = model.patch_embed.patch_size
        if height % side or width % other:
            raise InputError(f"embedding.view_size: {height} is no multiple of the {side} pixels of a DINOv2 patch")
        patches = model.patch_embed(self.normalised(images))
        tokens = torch.cat([model.cls_token.expand(len(images), -1, -1), patches], dim=1)
        tokens = tokens + resized_positions(model.pos_embed, (height // side, width // other))
        return self.pooled(model.norm(model.blocks(tokens)))


def resized_positions(positions: Tensor, grid: tuple[int, int], offset: float = 0.1) -> Tensor:
    """Position embedding (1, 1 + h·w, D) of a `grid` of patches, from the published one of a square grid.

    As facebookresearch/dinov2 resizes it: bicubic, without a low-pass filter, by a scale of (h + `offset`) / side,
    which the interpolation then uses for where it looks.
    """
    side = math.isqrt(positions.shape[1] - 1)
    if grid == (side, side):
        return positions
    square = positions[:, 1:].float().unflatten(1, (side, side)).permute(0, 3, 1, 2)
    scale = tuple((length + offset) / side for length in grid)
    resized = F.interpolate(square, scale_factor=scale, mode="bicubic")
    return torch.cat([positions[:, :1], resized.flatten(2).transpose(1, 2).to(positions.dtype)], dim=1)
