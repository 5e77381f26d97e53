"""Views on any device: two batched dense products, their weights computed where the images are.

Nothing depends on the values of boxes and turns but the values of the views: the host never waits for the device.
"""

import functools
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from cwamsn.loading.turns import turn_table
from cwamsn.models import float32_products

# Bytes of temporary memory for one group of views; more images than fit are cut in turns. 64 fields of 5 x 520 x 696
# take .8 GB for one view of 224 and 1.8 GB for ten of 96.
MEMORY = 2 * 2**30


def cut(images: Tensor, boxes: Tensor, turns: Tensor | None, affine: Tensor, antialias: bool, out: Tensor) -> None:
    """Write views of `images` uint8 (B, C, H, W) to `out` float32 (V·B, C, S, S); boxes and turns as of `ViewCutter`.

    affine : (2, C), factor and offset of each channel. Weights sum to 1, so pixels may be normalised first.
    """
    batch, channels, height, width = images.shape
    views, size = len(boxes) // batch, out.shape[-1]
    out, boxes = out.unflatten(0, (views, batch)), boxes.unflatten(0, (views, batch))
    turns = None if turns is None else turns.unflatten(0, (views, batch))
    own = 4 * channels * height * width
    each = 4 * size * (channels * width + 2 * max(height, width) + channels * size)
    images_at_once = min(max(MEMORY // (own + views * each), 1), batch)
    views_at_once = views if images_at_once > 1 else min(max((MEMORY - own) // each, 1), views)
    for i in range(0, batch, images_at_once):
        pixels = _pixels(images[i : i + images_at_once], affine)
        for v in range(0, views, views_at_once):
            part = slice(v, v + views_at_once), slice(i, i + images_at_once)
            _cut(pixels, boxes[part], None if turns is None else turns[part], antialias, out[part])


def _pixels(images: Tensor, affine: Tensor) -> Tensor:
    """(B, C, H, W) uint8 to (B, H, C, W) float32, normalised.

    With the channels side by side in a row of pixels, neither product needs its operands in another order.
    """
    batch, channels, height, width = images.shape
    pixels = torch.empty((batch, height, channels, width), device=images.device)
    factor, offset = affine[:, :, None]
    return torch.addcmul(offset, images.transpose(1, 2), factor, out=pixels)


def _cut(pixels: Tensor, boxes: Tensor, turns: Tensor | None, antialias: bool, out: Tensor) -> None:
    """Views (V, B, C, S, S) of pixels (B, H, C, W); boxes (V, B, 4) and turns (V, B, 3)."""
    batch, height, channels, width = pixels.shape
    views, size = len(boxes), out.shape[-1]
    how = None if turns is None else turn_table(pixels.device)[turns.long().unbind(-1)]
    weights = _weights(boxes, how, size, max(height, width), antialias)
    vertical, horizontal = weights[0, ..., :height], weights[1, ..., :width]
    with exact_products(pixels.device):
        resized = torch.bmm(vertical.flatten(1, 2), pixels.flatten(2))
        resized = resized.view(batch * views, size * channels, width)
        resized = torch.bmm(resized, horizontal.flatten(0, 1).transpose(1, 2))
    resized = resized.view(batch, views, size, channels, size).permute(1, 0, 3, 2, 4)
    if how is None:
        out.copy_(resized)
    else:
        torch.where(how[..., 2, None, None, None] > 0, resized.transpose(-1, -2), resized, out=out)


def _weights(boxes: Tensor, how: Tensor | None, size: int, extent: int, antialias: bool) -> Tensor:
    """(2, B, V, size, extent) float32: what each pixel of the vertical and the horizontal axis counts in each of `size`
    output pixels of a view.

    Triangle filter around the output pixel's centre: as wide as an output pixel where it shrinks and `antialias` is
    set, else one pixel. Nothing outside the box counts; near its border plain bilinear so repeats the border's pixels.
    Distances are differences of float64 numbers: those of float32 would be off by 1e-4 pixels in a large image.
    """
    views, batch = boxes.shape[:2]
    centres, pixels, one, infinity = _grids(size, extent, boxes.device)
    start, length = boxes.view(views, batch, 2, 2).permute(2, 3, 1, 0)[..., None]  # (2, B, V, 1) each
    middle = torch.add(length, start, alpha=2)  # in half pixels, as all below
    inside = (pixels - middle).abs_() < length
    where = torch.where(inside, pixels, infinity)
    along = length if how is None else length * how[..., :2].permute(2, 1, 0)[..., None]
    centre = torch.addcmul(middle, along, centres)
    weights = torch.empty((*centre.shape, extent), device=boxes.device)
    torch.sub(where[..., None, :], centre[..., None], out=weights)
    reach = length.clamp(size, None if antialias else size)[..., None]
    torch.addcdiv(one, weights.abs_(), reach, value=-size / 2, out=weights).relu_()
    return weights.div_(weights.sum(dim=-1, keepdim=True))


@functools.cache
def _grids(size: int, extent: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Centres of output pixels in halves of a box from its middle, centres of pixels in half pixels, 1 and infinity.

    Numbers lie on the device too: an operation that takes one from the host may wait for its copy.
    """
    centres = (2 * torch.arange(size, dtype=torch.float64) + 1) / size - 1
    pixels = 2 * torch.arange(extent, dtype=torch.float64) + 1
    infinity = torch.tensor(torch.inf, dtype=torch.float64, device=device)
    return centres.to(device), pixels.to(device), torch.ones((), device=device), infinity


@contextmanager
def exact_products(device: torch.device) -> Iterator[None]:
    """Products of float32 matrices in float32, whatever the caller allows (TF32, bfloat16, autocast)."""
    with float32_products(tf32=False), torch.autocast(device.type, enabled=False):
        yield
