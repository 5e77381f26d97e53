"""Masked Siamese Networks; with pairs across wells, CWA-MSN."""

import torch
from torch import Tensor

from cwamsn.models import Prototypes, gather_rows
from cwamsn.training.batch import Batch
from cwamsn.training.loss import msn_loss
from cwamsn.training.objectives.registry import Features, Networks, objective
from cwamsn.training.recipe import Recipe


def features(model: Networks, batch: Batch, recipe: Recipe) -> Features:
    """Projected anchor views (V·B, D), view-major, targets (B, D) without gradient, and the prototypes (K, D)."""
    return {
        "anchors": model.project_anchors(batch.anchors),
        "targets": model.project_target(batch.target),
        "prototypes": model.parts["prototypes"].weight,
    }


@objective(
    "msn",
    features,
    modules=lambda recipe, classes, encoder: {
        "prototypes": Prototypes(recipe.loss.prototypes, recipe.network.output_dim)
    },
    moving_average=True,
)
def msn(recipe: Recipe, anchors: Tensor, targets: Tensor, prototypes: Tensor) -> dict[str, Tensor]:
    """Masked Siamese Network, and with pairs across wells CWA-MSN: anchors agree with the target on prototypes."""
    result = msn_loss(
        anchors,
        targets,
        prototypes,
        num_views=recipe.views.rand_views + recipe.views.focal_views,
        temperature=recipe.loss.temperature,
        sharpening=recipe.loss.sharpening,
        me_max_weight=recipe.loss.me_max_weight,
        sinkhorn_iterations=recipe.loss.sinkhorn_iterations,
    )
    nearest = gather_rows(result.nearest)
    p = result.mean_assignment
    return {
        "loss": result.total,
        "cross_entropy": result.cross_entropy,
        "me_max": result.me_max,
        # effective number of prototypes that anchors use; share of the batch's targets with a nearest of their own
        "prototypes_used": (-(p * p.clamp_min(1e-30).log()).sum()).exp(),
        "prototype_use": _different(nearest, p.numel()) / min(nearest.numel(), p.numel()),
    }


def _different(numbers: Tensor, below: int) -> Tensor:
    """How many different values (N,) integers in [0, below) have, float64. `unique` would have to be waited for."""
    return numbers.new_zeros(below, dtype=torch.float64).scatter_(0, numbers, 1.0).sum()
