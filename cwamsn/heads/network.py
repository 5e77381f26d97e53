"""The head: from frozen features to features that replicates on different wells share."""

import torch
from torch import Tensor, nn

from cwamsn.errors import InputError
from cwamsn.heads.options import HeadOptions

SMALL = 1e-6


class Head(nn.Module):
    """A linear map or a perceptron of two layers on standardised features.

    Parameters
    ----------
    features : D, features that come in
    options : shape of the head

    Attributes
    ----------
    mean, deviation : (D,) float32, of the wells that it was trained on
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, features: int, options: HeadOptions) -> None:
        super().__init__()
        self.residual = options.residual
        self.width = features if options.residual else options.output or features
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("deviation", torch.ones(features))
        if options.layers == 1:
            self.body: nn.Module = nn.Linear(features, self.width)
            last = self.body
        else:
            last = nn.Linear(options.hidden, self.width)
            self.body = nn.Sequential(nn.Linear(features, options.hidden), nn.GELU(), last)
        if options.residual:
            nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)

    def fit_scale(self, features: Tensor) -> None:
        """Take mean and deviation from (N, D) features; a feature that does not vary is centred only."""
        self.mean.copy_(features.mean(dim=0))
        deviation = features.std(dim=0, correction=0)
        self.deviation.copy_(torch.where(deviation > SMALL, deviation, torch.ones_like(deviation)))

    def standardise(self, features: Tensor) -> Tensor:
        """(N, D) features with mean 0 and deviation 1 over the wells of the training."""
        if features.shape[1] != len(self.mean):
            raise InputError(f"head: takes {len(self.mean)} features, these are {features.shape[1]}")
        return (features - self.mean) / self.deviation

    def forward(self, standardised: Tensor) -> Tensor:
        """(N, width) of (N, D) standardised features."""
        out = self.body(standardised)
        return standardised + out if self.residual else out
