"""One global batch of pairs as the tensors that an objective sees."""

from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor


class Group(NamedTuple):
    """Views of one size, view-major."""

    images: Tensor
    """(V·B, C, h, w)."""
    keep: Tensor | None
    """The patches that are kept of them, as an encoder takes them; None: all."""
    channels: Tensor | None = None
    """(V·B, C), bool: the channels that are shown; None: all."""


@dataclass
class Batch:
    """What an objective's loss is computed from. B is this process's share of the batch."""

    anchors: list[Group]
    target: Tensor  # (B, C, h, w), one view of each target image, never masked
    perturbation: Tensor  # (B,) codes of the perturbations
    generator: torch.Generator  # on the CPU, the same in all processes, for whatever else the objective draws
    drawn: dict[str, Tensor] = field(default_factory=dict)  # what the objective's own `draw` returned, on the device
