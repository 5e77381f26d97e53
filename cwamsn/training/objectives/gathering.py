"""What the contrastive losses share: samples of all processes, and views of a sample.

Each loss takes one row per sample and, in a torch.distributed job, compares the rows of all processes: every process
computes the loss of the global batch.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from cwamsn.models import sum_over_ranks, world


def gather_with_gradient(x: Tensor) -> Tensor:
    """Rows of all processes in rank order, with gradient; the argument itself outside a torch.distributed job."""
    rank, size = world()
    if size == 1:
        return x
    padded = x.new_zeros((size, *x.shape))
    padded[rank] = x
    return sum_over_ranks(padded).flatten(0, 1)


def mean_over_views(loss: Callable[..., Tensor], samples: int, *views: Tensor) -> Tensor:
    """Mean of `loss` over the anchor views of `samples` samples, each view on its own.

    views : tensors (V·B, ...), view-major; `loss` gets the B rows of one view at a time.
    """
    single = zip(*(x.unflatten(0, (-1, samples)) for x in views), strict=True)
    return torch.stack([loss(*view) for view in single]).mean()


def diagonal(x: Tensor) -> Tensor:
    """Boolean (N, N), true on the diagonal."""
    return torch.eye(len(x), dtype=torch.bool, device=x.device)
