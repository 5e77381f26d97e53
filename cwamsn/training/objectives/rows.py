"""What the contrastive losses share: precision, and the rows of all processes.

Each loss takes one row a sample, promotes half precision to float32 (float64 stays) and, in a torch.distributed job,
compares the rows of all processes: every process computes the loss of the global batch.
"""

import torch
from torch import Tensor

from cwamsn.training.distributed import sum_over_ranks, world


def all_rows(x: Tensor) -> Tensor:
    """Rows of all processes in rank order, with gradient; the argument itself outside a torch.distributed job."""
    rank, size = world()
    if size == 1:
        return x
    padded = x.new_zeros((size, *x.shape))
    padded[rank] = x
    return sum_over_ranks(padded).flatten(0, 1)


def promoted(*tensors: Tensor) -> list[Tensor]:
    """The tensors in float32, or in float64 where one of them is."""
    dtype = torch.float32
    for tensor in tensors:
        if tensor.is_floating_point():
            dtype = torch.promote_types(dtype, tensor.dtype)
    return [tensor.to(dtype) for tensor in tensors]


def diagonal(x: Tensor) -> Tensor:
    """Boolean (N, N), true where a row meets itself."""
    return torch.eye(len(x), dtype=torch.bool, device=x.device)
