"""Masked Siamese Networks; with pairs across wells, CWA-MSN."""

from torch import Tensor

from cwamsn.models import Prototypes, gather_rows
from cwamsn.training.loss import msn_loss
from cwamsn.training.objectives.registry import objective


def features(model, batch, recipe) -> dict[str, Tensor]:
    """Projected anchor views (V·B, D), view-major, targets (B, D) without gradient, and the prototypes (K, D)."""
    return {
        "anchors": model.project_anchors(batch.anchors),
        "targets": model.project_target(batch.target),
        "prototypes": model.parts["prototypes"].weight,
    }


@objective(
    "msn",
    features,
    parts=lambda recipe, classes, encoder: {"prototypes": Prototypes(recipe["prototypes"], recipe["output_dim"])},
    moving_average=True,
)
def msn(recipe, anchors, targets, prototypes) -> dict[str, Tensor]:
    """Masked Siamese Network, and with pairs across wells CWA-MSN: anchors agree with the target on prototypes."""
    result = msn_loss(
        anchors,
        targets,
        prototypes,
        num_views=recipe["rand_views"] + recipe["focal_views"],
        temperature=recipe["temperature"],
        sharpening=recipe["sharpening"],
        me_max_weight=recipe["me_max_weight"],
        sinkhorn_iterations=recipe["sinkhorn_iterations"],
    )
    nearest = gather_rows(result.nearest)
    p = result.mean_assignment
    return {
        "loss": result.total,
        "cross_entropy": result.cross_entropy,
        "me_max": result.me_max,
        # effective number of prototypes that anchors use; share of the batch's targets with a nearest of their own
        "prototypes_used": (-(p * p.clamp_min(1e-30).log()).sum()).exp(),
        "prototype_use": nearest.unique().numel() / min(nearest.numel(), p.numel()),
    }
