"""MorphEm (CHAMMI-75, Caicedo lab 2025): a ViT-S/16 trained with DINO on single channels of 75 microscopy studies."""

import torch
import torch.nn.functional as F
from torch import Tensor

from cwamsn.models.published import TimmFeatures

SIDE = 224
VIEW = 512  # side of the views that it takes: those of RxRx3-core are shown pixel by pixel
_WHITE = 254.5 / 255  # a pixel value of 255, whatever arithmetic brought it to 0-1
_LIT = 227.5  # mean of the noise, uniform between 200 and 255, that the published preprocessing puts there
_EPSILON = 1e-7  # added to the variance, in 0-255 units


class MorphEm(TimmFeatures):
    """One channel in 0-1 (B, 1, H, W) to its class token after the final norm (B, 384).

    The channel is brought to mean 0 and variance 1 at the size it comes in, and then resized to 224 pixels, so that it
    should come in its own size. Saturated pixels become the mean of the noise that the published preprocessing
    replaces them with: features are the same in every run.
    """

    def __init__(self, name: str = "vit_small_patch16_224", **options: object):
        super().__init__(name, 1, "token", "none", **options)

    def normalised(self, images: Tensor) -> Tensor:
        pixels = torch.where(images >= _WHITE, _LIT, images * 255)
        pixels = F.instance_norm(pixels, eps=_EPSILON)
        if pixels.shape[-2:] != (SIDE, SIDE):
            pixels = F.interpolate(pixels, size=(SIDE, SIDE), mode="bilinear", antialias=True)
        return pixels
