"""The loss of Masked Siamese Networks (Assran et al. 2022, arXiv:2204.07141), eq. 3 of the paper."""

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from cwamsn.models import gather_rows, mean_over_ranks, rank_slice
from cwamsn.training.arithmetic import full_precision


class MSNLoss(NamedTuple):
    """`total` = `cross_entropy` + weight x `me_max`, from `targets` (B, K) and `mean_assignment` (K,).

    `nearest` (B,) is each target's most similar prototype before Sinkhorn balanced the assignments.
    """

    total: Tensor
    cross_entropy: Tensor
    me_max: Tensor
    targets: Tensor
    mean_assignment: Tensor
    nearest: Tensor


@torch.no_grad()
def sinkhorn(assignments: Tensor, iterations: int) -> Tensor:
    """Balance `assignments` (B, K), rows of probabilities, so that every prototype is used about equally.

    Each iteration scales columns to sum 1/K, then rows to sum 1/B (Cuturi 2013; Caron et al. 2020). It ends on the
    rows, so each row of the result sums to 1 and each column only approximately to B/K. `iterations` 0 changes nothing.
    """
    if iterations == 0:
        return assignments
    samples, prototypes = assignments.shape
    tiny = torch.finfo(assignments.dtype).tiny  # a prototype that no sample uses has a column of zeros
    q = assignments / assignments.sum()
    for _ in range(iterations):
        q = q / q.sum(dim=0, keepdim=True).clamp_min(tiny) / prototypes
        q = q / q.sum(dim=1, keepdim=True).clamp_min(tiny) / samples
    return q * samples


@full_precision
def msn_loss(
    anchors: Tensor,
    targets: Tensor,
    prototypes: Tensor,
    *,
    num_views: int,
    temperature: float = 0.1,
    sharpening: float = 0.25,
    me_max_weight: float = 1.0,
    sinkhorn_iterations: int = 3,
) -> MSNLoss:
    """MSN loss of anchor views against their targets.

    anchors: (V·B, D), view-major: the first view of all B samples, then the second. targets: (B, D), receives no
    gradient. prototypes: (K, D), receives gradient through the anchors only. None of them need be normalised: the
    logits are cosine similarities divided by `temperature`; the targets' distribution is sharpened to the power
    1/`sharpening` and balanced by `sinkhorn_iterations` of :func:`sinkhorn`. me-max is log K - H(mean assignment) over
    all anchor rows, 0 where every prototype is used equally, and is added with `me_max_weight`.

    Half precision is promoted to float32; float64 stays. In a torch.distributed job Sinkhorn and me-max see the samples
    of all processes.
    """
    if anchors.shape[0] != num_views * targets.shape[0]:
        raise ValueError(f"anchors have {anchors.shape[0]} rows; {num_views} views of {targets.shape[0]} samples need "
                         f"{num_views * targets.shape[0]}")  # fmt: skip
    directions = F.normalize(prototypes, dim=1)
    log_p = F.log_softmax(F.normalize(anchors, dim=1) @ directions.T / temperature, dim=1)
    with torch.no_grad():
        logits = F.normalize(targets.detach(), dim=1) @ directions.detach().T
        q = F.softmax(logits / (temperature * sharpening), dim=1)
        q = rank_slice(sinkhorn(gather_rows(q), sinkhorn_iterations))
    # tiling q over the views would copy it V times
    per_view = log_p.unflatten(0, (num_views, -1))
    cross_entropy = -(per_view.mean(dim=0) * q).sum(dim=1).mean()
    mean_assignment = mean_over_ranks(log_p.exp().mean(dim=0))
    me_max = math.log(prototypes.shape[0]) + torch.special.xlogy(mean_assignment, mean_assignment).sum()
    total = cross_entropy + me_max_weight * me_max
    return MSNLoss(total, cross_entropy, me_max, q, mean_assignment.detach(), logits.argmax(dim=1))
