"""What is trained on top of an encoder: the projection head and the prototypes."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cwamsn.models.distributed import GlobalBatchNorm1d
from cwamsn.models.vit import reference_init


class ProjectionHead(nn.Module):
    """Linear, BatchNorm, GELU, twice, and a last Linear: (B, in_features) to (B, out_features)."""

    def __init__(self, in_features: int, hidden: int = 2048, out_features: int = 256):
        super().__init__()
        self.fc1, self.bn1 = nn.Linear(in_features, hidden), GlobalBatchNorm1d(hidden)
        self.fc2, self.bn2 = nn.Linear(hidden, hidden), GlobalBatchNorm1d(hidden)
        self.fc3 = nn.Linear(hidden, out_features)
        reference_init(self)

    def forward(self, x: Tensor) -> Tensor:
        x = F.gelu(self.bn1(self.fc1(x)))
        x = F.gelu(self.bn2(self.fc2(x)))
        return self.fc3(x)


class Prototypes(nn.Module):
    """(count, dimension) trainable directions, stored unnormalised, uniform in ±1/sqrt(dimension)."""

    def __init__(self, count: int, dimension: int):
        super().__init__()
        bound = 1 / math.sqrt(dimension)
        self.weight = nn.Parameter(torch.empty(count, dimension).uniform_(-bound, bound))
