"""What a step gave, left on the device until it is read: one copy for all steps of a window."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from cwamsn.training.health import check_finite

# the loss scale of float16 before and after a step; they are read, not logged
SCALES = ("_scale_before", "_scale_after")


class Step(NamedTuple):
    """What one optimiser step gave."""

    step: int
    """Number of the step, counted from 0."""
    names: tuple[str, ...]
    """Of the `values`."""
    values: Tensor
    """(N,) float64, on the device of the training; means over all processes."""
    known: dict[str, float]
    """Numbers that the host knows."""
    images: int
    """Different images that were seen."""


def read(steps: Sequence[Step], precision: str) -> list[dict[str, float]]:
    """The numbers of each step, after waiting for the device.

    Raises
    ------
    TrainingStopped
        Of the first step whose loss or gradient is not finite. Weights since then must not be kept.
    """
    if not steps:
        return []
    values = iter(torch.cat([step.values for step in steps]).cpu().tolist())
    return [_numbers(step, dict(zip(step.names, values)), precision) for step in steps]


def _numbers(step: Step, numbers: dict[str, float], precision: str) -> dict[str, float]:
    scaled = SCALES[0] in numbers
    before, after = (numbers.pop(name, 1.0) for name in SCALES)
    # float16 starts with too large a scale on purpose: the scaler leaves such a step out and halves the scale
    overflow = not math.isfinite(numbers["gradient_norm"]) and scaled and before > 1
    check_finite(numbers, step.step + 1, precision, overflow=overflow)
    if scaled:
        numbers["skipped_steps"] = float(after < before)
    if overflow:
        del numbers["gradient_norm"]
    return numbers | step.known
