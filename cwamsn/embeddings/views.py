"""Views of a whole image: what an encoder sees of it when the image is to become one vector."""

import zlib
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F

from cwamsn.embeddings.options import EmbedOptions
from cwamsn.errors import InputError


def views(images: torch.Tensor, crop_ids: list[str], size: int, options: EmbedOptions) -> torch.Tensor:
    """Views (B, V, C, size, size) float32, still in 0-255 units, of images (B, C, H, W) uint8.

    Of `options`, `view`, `antialias`, `tile_size`, `n_crops` and `seed` are used. The default, the whole image resized,
    shows cells at about the scale at which random crops of a training image show them. Random crops depend only on the
    seed and the crop's id, not on the batch.
    """
    return _VIEWS[options.view](images, crop_ids, size, options)


def resized(images: torch.Tensor, size: int, antialias: bool) -> torch.Tensor:
    """(B, C, H, W) to (B, C, size, size) float32, bilinear."""
    images = images.float()
    if images.shape[-2:] == (size, size):
        return images
    return F.interpolate(images, size=(size, size), mode="bilinear", align_corners=False, antialias=antialias)


def _resize(images: torch.Tensor, crop_ids: list[str], size: int, options: EmbedOptions) -> torch.Tensor:
    return resized(images, size, options.antialias).unsqueeze(1)


def _tiles(images: torch.Tensor, crop_ids: list[str], size: int, options: EmbedOptions) -> torch.Tensor:
    side = options.tile_size
    _refuse_small(images, crop_ids, side, "embedding.tile_size")
    corners = [(y, x) for y in _starts(images.shape[-2], side) for x in _starts(images.shape[-1], side)]
    tiles = [resized(images[..., y : y + side, x : x + side], size, options.antialias) for y, x in corners]
    return torch.stack(tiles, dim=1)


def _center(images: torch.Tensor, crop_ids: list[str], size: int, options: EmbedOptions) -> torch.Tensor:
    _refuse_small(images, crop_ids, size, "embedding.view_size")
    y, x = ((n - size) // 2 for n in images.shape[-2:])
    return images[..., y : y + size, x : x + size].float().unsqueeze(1)


def _random_crops(images: torch.Tensor, crop_ids: list[str], size: int, options: EmbedOptions) -> torch.Tensor:
    _refuse_small(images, crop_ids, size, "embedding.view_size")
    high = [n - size + 1 for n in images.shape[-2:]]
    out = torch.empty(len(images), options.n_crops, images.shape[1], size, size)
    for i, crop_id in enumerate(crop_ids):
        rng = np.random.default_rng([options.seed, zlib.crc32(crop_id.encode())])
        for j, (y, x) in enumerate(rng.integers(0, high, size=(options.n_crops, 2))):
            out[i, j] = images[i, :, y : y + size, x : x + size]
    return out


_VIEWS: dict[str, Callable[[torch.Tensor, list[str], int, EmbedOptions], torch.Tensor]] = {
    "resize": _resize,
    "tiles": _tiles,
    "center": _center,
    "random_crops": _random_crops,
}


def _starts(length: int, side: int) -> list[int]:
    """Starts of evenly spread tiles that cover `length`; they overlap where `side` does not divide it."""
    return np.linspace(0, length - side, -(-length // side)).round().astype(int).tolist()


def _refuse_small(images: torch.Tensor, crop_ids: list[str], side: int, key: str) -> None:
    height, width = images.shape[-2:]
    if side > min(height, width):
        raise InputError(
            f"{key}: {side} pixels, crop {crop_ids[0]} has {height} x {width}; choose a smaller value or view: resize"
        )
