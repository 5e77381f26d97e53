"""Views on the CPU: two sparse weighted sums over strips of the images."""

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

# pixels of a strip: short enough that a box reads little outside itself, long enough for vector instructions
STRIP = 64


def _taps(start: Tensor, length: Tensor, out: int, antialias: bool) -> tuple[Tensor, Tensor]:
    """(boxes, out, taps) pixel numbers along one axis and their weights in each of `out` output pixels.

    Triangle filter around the output pixel's centre: as wide as an output pixel where it shrinks and `antialias` is
    set, else one pixel. Nothing outside the box counts.
    """
    start, length = start.double()[:, None, None], length.double()[:, None, None]
    scale = length / out
    width = scale.clamp_min(1.0) if antialias else torch.ones_like(scale)
    centre = (torch.arange(out, dtype=torch.float64)[:, None] + 0.5) * scale - 0.5
    if not antialias:  # plain bilinear repeats the box's border pixels
        centre = centre.clamp_min(0).minimum(length - 1)
    taps = 2 * math.ceil(float(width.max())) + 1
    pixel = (centre - width).ceil().clamp_min(0) + torch.arange(taps)
    weight = (1 - (pixel - centre).abs() / width).clamp_min(0) * (pixel < length)
    return (pixel.minimum(length - 1) + start).long(), (weight / weight.sum(dim=-1, keepdim=True)).float()


def _mirrored(taps: tuple[Tensor, Tensor], chosen: Tensor) -> tuple[Tensor, Tensor]:
    """The taps of the chosen boxes in the opposite order."""
    pixels, weights = (torch.where(chosen, t.flip(1), t) for t in taps)
    return pixels, weights


class PixelTable(NamedTuple):
    """Images as a table of float32 pixels; a row is a strip of `STRIP` pixels of one image row of one channel."""

    rows: Tensor  # (B·C·H·strips, STRIP)
    shape: tuple[int, int, int, int]  # of the images: B, C, H, W


def pixel_table(images: Tensor, buffer: Tensor | None = None) -> PixelTable:
    """The table that :func:`resized_crop` reads; made once for all views cut from the same images (B, C, H, W).

    buffer : rows of an earlier table, whose memory is reused if it fits.
    """
    batch, channels, height, width = images.shape
    padded = (batch, channels, height, width + -width % STRIP)
    if buffer is None or buffer.numel() != math.prod(padded):
        buffer = torch.zeros(padded, device=images.device)
    buffer = buffer.view(padded)
    buffer[..., :width] = images
    return PixelTable(buffer.view(-1, STRIP), (batch, channels, height, width))


def _weighted_sums(table: Tensor, rows: Tensor, weights: Tensor) -> Tensor:
    """Weighted sum of `table`'s rows for each of the bags (N, taps); rows of weight 0 are not read."""
    used = weights > 0
    count = used.sum(dim=1)
    offsets, rows, weights = (x.to(table.device) for x in (count.cumsum(0) - count, rows[used], weights[used]))
    return F.embedding_bag(rows, table, offsets, mode="sum", per_sample_weights=weights)


def resized_crop(
    images: Tensor | PixelTable,
    boxes: Tensor,
    size: int | tuple[int, int],
    antialias: bool = True,
    mirror: Tensor | None = None,
) -> Tensor:
    """Crop and resize bilinearly: images (B, C, H, W) of any real type, or their :func:`pixel_table`; boxes (V·B, 4) on
    the CPU, view-major, as of :func:`random_boxes` -> float32 (V·B, C, h, w).

    mirror: (V·B, 2), whether a view is mirrored left-right and up-down; costs nothing here.

    Equals torchvision's `resized_crop` of float images (`antialias` as there; PIL, and so the reference, always
    antialiases). Resampling is separable, and each output row or column needs few input ones: two sparse weighted
    sums, of rows and of columns, for all boxes and channels at once. Only the strips that a box touches are read.
    """
    table = images if isinstance(images, PixelTable) else pixel_table(images)
    batch, channels, height, width = table.shape
    out_h, out_w = (size, size) if isinstance(size, int) else size
    count, strips = len(boxes), -(-width // STRIP)
    y, x, h, w = boxes.unbind(dim=1)
    vertical, horizontal = _taps(y, h, out_h, antialias), _taps(x, w, out_w, antialias)
    if mirror is not None:
        chosen = mirror.bool()[:, :, None, None]
        horizontal, vertical = _mirrored(horizontal, chosen[:, 0]), _mirrored(vertical, chosen[:, 1])

    # a unit is one strip of one box; boxes differ in their number of strips, so units are numbered over all boxes
    first = x // STRIP
    units = (x + w - 1) // STRIP - first + 1
    before = units.cumsum(0) - units
    box = torch.arange(count).repeat_interleave(units)
    strip = torch.arange(len(box)) - before[box] + first[box]
    plane = (torch.arange(count) % batch * channels)[box, None] + torch.arange(channels)  # (units, C)
    rows = vertical[0][box] * strips + strip[:, None, None]
    rows = rows[:, None] + (plane * height * strips)[:, :, None, None]
    weights = vertical[1][box][:, None].expand_as(rows)
    resized = _weighted_sums(table.rows, rows.flatten(0, 2), weights.flatten(0, 2))

    # columns become rows, so that they can be summed in the same way: (units, STRIP, C, out_h)
    columns = resized.view(-1, channels, out_h, STRIP).permute(0, 3, 1, 2).reshape(-1, channels * out_h)
    rows = horizontal[0] + ((before - first) * STRIP)[:, None, None]
    resized = _weighted_sums(columns, rows.flatten(0, 1), horizontal[1].flatten(0, 1))
    return resized.view(count, out_w, channels, out_h).permute(0, 2, 3, 1)
