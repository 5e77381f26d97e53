"""Random boxes, turns and channels of the views of a batch; `cwamsn.loading` cuts what they say."""

import math

import torch
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
    y, x, h, w = random_boxes(len(outer), grain, grain, scale, generator).unbind(dim=1)
    top, left, height, width = outer.unbind(dim=1)
    h, w = (h * height / grain).round().long().clamp_min(1), (w * width / grain).round().long().clamp_min(1)
    y = top + (y * height / grain).round().long().minimum(height - h)
    x = left + (x * width / grain).round().long().minimum(width - w)
    return torch.stack([y, x, h, w], dim=1)


def random_turns(count: int, generator: torch.Generator, horizontal: bool, vertical: bool, quarters: bool) -> Tensor:
    """(count, 3): mirror left-right and up-down, each with probability 1/2; quarter turns, uniform. What is off is 0.

    Always draws the same random numbers, so toggling one augmentation leaves the others unchanged.
    """
    mirrored = torch.rand(count, 2, generator=generator) < 0.5
    turned = torch.randint(0, 4, (count, 1), generator=generator)
    return torch.cat([mirrored, turned], dim=1).long() * torch.tensor([horizontal, vertical, quarters])


def random_channels(count: int, channels: int, generator: torch.Generator) -> Tensor:
    """(count, channels), bool: the channels that are shown, at least one in each row.

    Hierarchical channel sampling (ChannelViT, Bao et al. 2024, arXiv:2309.16108): their number is uniform from 1 to
    `channels`, and so are the channels, given their number.
    """
    number = torch.randint(1, channels + 1, (count, 1), generator=generator)
    rank = torch.rand(count, channels, generator=generator).argsort(dim=1).argsort(dim=1)
    return rank < number
