"""Which of the ways to cut views a device takes."""

import functools
import importlib
import os
from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor

from cwamsn.errors import InputError
from cwamsn.live import say
from cwamsn.loading import dense

WAYS = ("sparse", "dense", "kernel")
VARIABLE = "CWAMSN_VIEWS"

Cut: TypeAlias = Callable[[Tensor, Tensor, Tensor | None, Tensor, bool, Tensor], None]
"""images uint8 (B, C, H, W), boxes, turns, factor and offset of each channel (2, C), antialias, where to write."""


def choose_way(way: str, device: torch.device) -> str:
    """One of `WAYS`. `auto` is what the environment variable CWAMSN_VIEWS names, else sparse sums on the CPU, and on a
    GPU the kernel if it works there, or dense products."""
    named = f"ViewCutter: way {way}"
    if way == "auto" and (way := os.environ.get(VARIABLE) or "auto") != "auto":
        named = f"{VARIABLE}={way}"
    if way == "auto":
        if device.type == "cpu":
            return "sparse"
        wrong = kernel_fault(device)
        if wrong:
            say(f"views are cut by dense products instead of the kernel, more slowly: {wrong}")
        return "dense" if wrong else "kernel"
    if way not in WAYS:
        raise InputError(f"{named}: no such way to cut views; there are {', '.join(WAYS)}")
    if way == "sparse" and device.type != "cpu":
        raise InputError(f"{named}: only on the CPU; take dense or kernel on {device}")
    if way == "kernel" and (wrong := kernel_fault(device)):
        raise InputError(f"{named}: the kernel does not work here ({wrong}); take dense")
    return way


def kernel_cut() -> Cut:
    """The kernel's function; its module needs Triton, which torch for the CPU comes without."""
    return importlib.import_module("cwamsn.loading.kernel").cut


@functools.cache
def kernel_fault(device: torch.device) -> str:
    """What is wrong with the kernel on this device, in one line; empty if its views of a few small images are those of
    dense products. Looked at once per process."""
    images = (torch.arange(2 * 3 * 37 * 53) * 89 % 251).to(torch.uint8).view(2, 3, 37, 53).to(device)
    corners = [[0, 0, 37, 53], [3, 5, 30, 41], [36, 52, 1, 1], [0, 45, 9, 8]]
    boxes, turns = (torch.tensor(x, device=device) for x in (corners, [[0, 0, 0], [1, 0, 1], [0, 1, 2], [1, 1, 3]]))
    affine = torch.tensor([[1.0, 1.0, 1.0], [0.0, 0.0, 0.0]], device=device)
    expected, found = torch.zeros(2, 4, 3, 12, 12, device=device)
    try:
        dense.cut(images, boxes, turns, affine, True, expected)
        kernel_cut()(images, boxes, turns, affine, True, found)
        worst = (expected - found).abs().max().item()
    except Exception as error:  # no Triton, no compiler, a GPU that is too old, a cache that cannot be written
        return f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else 'no message'}"
    return "" if worst <= 0.01 else f"its pixels differ by {worst:.3g} of 255"
