"""One global batch of pairs as the tensors that an objective sees."""

from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor


class Group(NamedTuple):
    """Views of one size: images (V·B, C, h, w), view-major, and the patches kept of them (None: all)."""

    images: Tensor
    keep: Tensor | None


@dataclass
class Batch:
    """What an objective's loss is computed from. B is this process's share of the batch."""

    anchors: list[Group]
    target: Tensor  # (B, C, h, w), one view of each target image, never masked
    perturbation: Tensor  # (B,) codes of the perturbations
    generator: torch.Generator  # on the CPU, the same in all processes, for whatever else the objective draws
    drawn: dict[str, Tensor] = field(default_factory=dict)  # what the objective's own `draw` returned, on the device
