"""SupCon: images of the same perturbation attract."""

import torch
import torch.nn.functional as F
from torch import Tensor

from cwamsn.training.arithmetic import full_precision
from cwamsn.training.batch import Batch
from cwamsn.training.objectives.gathering import diagonal, gather_with_gradient
from cwamsn.training.objectives.registry import Features, Networks, objective
from cwamsn.training.objectives.simclr import perceptron_head
from cwamsn.training.recipe import Recipe


@full_precision
def sup_con(features: Tensor, labels: Tensor, temperature: float = 0.1) -> Tensor:
    """Supervised contrastive loss, the positives outside the logarithm (Khosla et al. 2020, arXiv:2004.11362, eq. 2).

    features: (N, D). labels: (N,) integers. The mean over rows that have a positive, that is another row of the same
    label; a batch without any gives 0.
    """
    features, labels = F.normalize(gather_with_gradient(features), dim=1), gather_with_gradient(labels)
    itself = diagonal(features)
    similarity = (features @ features.T / temperature).masked_fill(itself, -torch.inf)
    log_p = F.log_softmax(similarity, dim=1).masked_fill(itself, 0)
    positive = (labels[:, None] == labels[None, :]) & ~itself
    count = positive.sum(dim=1)
    each = -(log_p * positive).sum(dim=1) / count.clamp_min(1)
    return each.sum() / (count > 0).sum().clamp_min(1)


def labelled_views(model: Networks, batch: Batch, recipe: Recipe) -> Features:
    """Head outputs of all anchor and target views ((V + 1)·B, D), view-major, and the perturbation of each."""
    features = torch.cat([model.project_anchors(batch.anchors), model.anchor(batch.target)])
    return {"features": features, "labels": batch.perturbation.repeat(len(features) // len(batch.perturbation))}


@objective("supcon", labelled_views, head=perceptron_head)
def supcon(recipe: Recipe, features: Tensor, labels: Tensor) -> dict[str, Tensor]:
    """SupCon over the anchor and target images; with `target_from: well` two wells of each perturbation."""
    return {"loss": sup_con(features, labels, recipe.loss.temperature)}
