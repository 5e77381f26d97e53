"""What the processes of one training exchange. Without a torch.distributed job every function is the identity."""

import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn


def world() -> tuple[int, int]:
    """(rank, number of processes); (0, 1) outside a torch.distributed job."""
    if dist.is_available() and dist.is_initialized():
        return dist.get_rank(), dist.get_world_size()
    return 0, 1


def is_main() -> bool:
    """Whether this process is the one that writes files and lines: rank 0."""
    return world()[0] == 0


def device_name(device: torch.device) -> str:
    """What a training ran on, as tables name it: the GPU's or the processor's name."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or device.type


class _SumOverRanks(torch.autograd.Function):
    """Sum over processes whose gradient is the sum of their gradients; works on gloo and nccl."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        x = x.clone()
        dist.all_reduce(x)
        return x

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        gradient = gradient.clone()
        dist.all_reduce(gradient)
        return gradient


def sum_over_ranks(x: Tensor) -> Tensor:
    return x if world()[1] == 1 else _SumOverRanks.apply(x.contiguous())


def mean_over_ranks(x: Tensor) -> Tensor:
    """Differentiable mean over processes; right for equal batches, which the sampler guarantees."""
    return sum_over_ranks(x) / world()[1] if world()[1] > 1 else x


def gather_rows(x: Tensor) -> Tensor:
    """Rows of all processes in rank order, without gradient."""
    if world()[1] == 1:
        return x
    parts = [torch.empty_like(x) for _ in range(world()[1])]
    dist.all_gather(parts, x.contiguous())
    return torch.cat(parts)


def averaged(numbers: Mapping[str, Tensor | float]) -> Tensor:
    """(N,) float64, each number the mean over processes, on the device of the tensors; one exchange for all of them.

    The host does not wait for them.
    """
    device = next((value.device for value in numbers.values() if isinstance(value, Tensor)), torch.device("cpu"))
    values = [
        value.detach() if isinstance(value, Tensor) else torch.full((), value, dtype=torch.float64, device=device)
        for value in numbers.values()
    ]
    return mean_over_ranks(torch.stack(values).double())


def rank_slice(x: Tensor) -> Tensor:
    """This process's share of rows that :func:`gather_rows` joined."""
    rank, size = world()
    return x if size == 1 else x.chunk(size)[rank]


class GlobalBatchNorm1d(nn.BatchNorm1d):
    """BatchNorm over the samples of all processes. torch's SyncBatchNorm refuses CPU tensors; this one does not.

    Input (B, D) of any float type; statistics and result have the parameters' type.
    """

    def forward(self, x: Tensor) -> Tensor:
        x = x.to(self.weight.dtype)
        mean_kept, variance_kept, seen = self.running_mean, self.running_var, self.num_batches_tracked
        size = world()[1]
        if size == 1 or not self.training or mean_kept is None or variance_kept is None or seen is None:
            return super().forward(x)
        count = x.shape[0] * size
        mean = sum_over_ranks(x.sum(dim=0)) / count
        # two passes: E[x²] - E[x]² loses digits in float32
        centred = x - mean
        variance = sum_over_ranks(centred.square().sum(dim=0)) / count
        with torch.no_grad():
            mean_kept.lerp_(mean, self.momentum or 0.0)
            variance_kept.lerp_(variance * count / (count - 1), self.momentum or 0.0)
            seen += 1
        return centred * torch.rsqrt(variance + self.eps) * self.weight + self.bias
