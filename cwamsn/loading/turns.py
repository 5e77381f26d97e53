"""Mirrors and quarter turns as what they do to the two axes of a square view."""

import functools

import torch
from torch import Tensor


@functools.cache
def turn_table(device: torch.device) -> Tensor:
    """(2, 2, 4, 3) float64: what a turn (mirrored left-right, mirrored up-down, quarters) does to the axes.

    Three numbers: sign of the vertical and of the horizontal axis, and whether the axes are exchanged after that.

    A quarter turn is a mirror left-right and an exchange, three are a mirror up-down and an exchange.
    """
    left_right, up_down, quarters = torch.meshgrid(*(torch.arange(n) for n in (2, 2, 4)), indexing="ij")
    vertical = up_down ^ (quarters >= 2).long()
    horizontal = left_right ^ ((quarters == 1) | (quarters == 2)).long()
    return torch.stack([1 - 2 * vertical, 1 - 2 * horizontal, quarters % 2], dim=-1).double().to(device)
