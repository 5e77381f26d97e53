"""Views of a batch of images: random resized crops and flips as batched operations on the training device."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor


def random_boxes(
    count: int,
    height: int,
    width: int,
    scale: tuple[float, float],
    generator: torch.Generator,
    ratio: tuple[float, float] = (3 / 4, 4 / 3),
    attempts: int = 10,
) -> Tensor:
    """(count, 4) integer boxes y, x, height, width in an image of `height` x `width` pixels.

    As torchvision's RandomResizedCrop draws them: the area's share uniform in `scale`, the aspect ratio log-uniform in
    `ratio`, up to `attempts` draws until the box fits, else the largest centred box within `ratio`.
    """
    area = height * width * torch.empty(attempts, count).uniform_(*scale, generator=generator)
    aspect = torch.empty(attempts, count).uniform_(math.log(ratio[0]), math.log(ratio[1]), generator=generator).exp()
    h, w = (area / aspect).sqrt().round().long(), (area * aspect).sqrt().round().long()
    fits = (w > 0) & (w <= width) & (h > 0) & (h <= height)
    first = fits.long().argmax(dim=0, keepdim=True)
    h, w = h.gather(0, first)[0], w.gather(0, first)[0]
    whole_ratio = min(max(width / height, ratio[0]), ratio[1])
    central_h, central_w = min(height, round(width / whole_ratio)), min(width, round(height * whole_ratio))
    found = fits.any(dim=0)
    h, w = torch.where(found, h, central_h), torch.where(found, w, central_w)
    # floor of a uniform number times the count of positions; the clamp is for products that round up to the count
    place = torch.rand(2, count, generator=generator, dtype=torch.float64)
    y = (place[0] * (height - h + 1)).long().clamp(max=height - h)
    x = (place[1] * (width - w + 1)).long().clamp(max=width - w)
    centre_y, centre_x = (height - h) // 2, (width - w) // 2
    y, x = torch.where(found, y, centre_y), torch.where(found, x, centre_x)
    return torch.stack([y, x, h, w], dim=1)


def nested_boxes(outer: Tensor, scale: tuple[float, float], generator: torch.Generator) -> Tensor:
    """(count, 4) boxes inside the boxes `outer` (count, 4), one in each.

    Drawn as :func:`random_boxes` draws them in the outer box's view, which is square: `scale` is the share of the outer
    box's area.
    """
    grain = 1000
    y, x, h, w = random_boxes(len(outer), grain, grain, tuple(scale), generator).unbind(dim=1)
    top, left, height, width = outer.unbind(dim=1)
    h, w = (h * height / grain).round().long().clamp_min(1), (w * width / grain).round().long().clamp_min(1)
    y = top + (y * height / grain).round().long().minimum(height - h)
    x = left + (x * width / grain).round().long().minimum(width - w)
    return torch.stack([y, x, h, w], dim=1)


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


def resized_crop(images: Tensor, boxes: Tensor, size: int | tuple[int, int], antialias: bool = True) -> Tensor:
    """Crop and resize bilinearly: images (B, C, H, W) of any real type, boxes (V·B, 4) on the CPU, view-major, as of
    :func:`random_boxes` -> float32 (V·B, C, h, w).

    Equals torchvision's `resized_crop` of float images (`antialias` as there; PIL, and so the reference, always
    antialiases). Resampling is separable, and each output row or column needs few input ones: two sparse weighted
    sums, of rows and of columns, for all boxes and channels at once.
    """
    batch, channels, height, width = images.shape
    out_h, out_w = (size, size) if isinstance(size, int) else size
    count = len(boxes)
    y, x, h, w = boxes.unbind(dim=1)

    def weighted_sum(table: Tensor, first_row: Tensor, taps: tuple[Tensor, Tensor]) -> Tensor:
        rows = (taps[0] + first_row[:, None, None]).flatten(0, 1).to(table.device)
        return F.embedding_bag(rows, table, per_sample_weights=taps[1].flatten(0, 1).to(table.device), mode="sum")

    table = images.permute(0, 2, 1, 3).float().reshape(batch * height, channels * width)
    image = torch.arange(batch).repeat(count // batch)
    rows = weighted_sum(table, image * height, _taps(y, h, out_h, antialias))
    table = rows.view(count, out_h * channels, width).transpose(1, 2).reshape(count * width, out_h * channels)
    columns = weighted_sum(table, torch.arange(count) * width, _taps(x, w, out_w, antialias))
    return columns.view(count, out_w, out_h, channels).permute(0, 3, 2, 1)


def turn(images: Tensor, how: Tensor) -> Tensor:
    """Mirror and rotate images (N, C, H, W). how: (N, 3) integers: mirror left-right, mirror up-down, quarter turns.

    Images must be square where one is to be turned by an odd number of quarters.
    """
    for column, change in enumerate((lambda v: v.flip(-1), lambda v: v.flip(-2))):
        chosen = how[:, column].bool()
        if chosen.any():
            images = torch.where(chosen.to(images.device)[:, None, None, None], change(images), images)
    for quarters in (1, 2, 3):
        chosen = how[:, 2] == quarters
        if chosen.any():
            images = torch.where(
                chosen.to(images.device)[:, None, None, None], images.rot90(quarters, (-2, -1)), images
            )
    return images


def random_turns(count: int, generator: torch.Generator, horizontal: bool, vertical: bool, quarters: bool) -> Tensor:
    """(count, 3) for :func:`turn`: each mirroring with probability 1/2, quarter turns uniform, what is off never.

    The same numbers are drawn whatever is switched on, so that a switch changes nothing else.
    """
    mirrored = torch.rand(count, 2, generator=generator) < 0.5
    turned = torch.randint(0, 4, (count, 1), generator=generator)
    return torch.cat([mirrored, turned], dim=1).long() * torch.tensor([horizontal, vertical, quarters])


def normalise(images: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """(images - mean) / std a channel; images (N, C, H, W), both statistics (C,) in 0-255 units."""
    return (images - mean[:, None, None]) / std[:, None, None]
