"""SimCLR: two views of one image attract, all other views of the batch repel."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cwamsn.training.arithmetic import full_precision
from cwamsn.training.batch import Batch
from cwamsn.training.objectives.gathering import diagonal, gather_with_gradient, mean_over_views
from cwamsn.training.objectives.registry import Features, Networks, objective
from cwamsn.training.recipe import Recipe


@full_precision
def nt_xent(first: Tensor, second: Tensor, temperature: float = 0.1) -> Tensor:
    """Normalised temperature-scaled cross-entropy (SimCLR, Chen et al. 2020, arXiv:2002.05709, eq. 1).

    first, second: (B, D), two views of the same B samples. Each of the 2B rows is a query whose positive is its other
    view and whose negatives are the remaining 2B - 2 rows; returns the mean over the 2B queries.
    """
    views = F.normalize(torch.cat([gather_with_gradient(first), gather_with_gradient(second)]), dim=1)
    similarity = (views @ views.T / temperature).masked_fill(diagonal(views), -torch.inf)
    samples = len(views) // 2
    positive = torch.arange(2 * samples, device=views.device).roll(samples)
    return F.cross_entropy(similarity, positive)


def perceptron_head(recipe: Recipe, features: int) -> nn.Module:
    """Linear, ReLU, Linear to `output_dim`: the projector of SimCLR and SupCon."""
    return nn.Sequential(nn.Linear(features, features), nn.ReLU(), nn.Linear(features, recipe.network.output_dim))


def features(model: Networks, batch: Batch, recipe: Recipe) -> Features:
    """Projected anchor views (V·B, D), view-major, and target views (B, D)."""
    return {"anchors": model.project_anchors(batch.anchors), "targets": model.anchor(batch.target)}


@objective("simclr", features, head=perceptron_head)
def simclr(recipe: Recipe, anchors: Tensor, targets: Tensor) -> dict[str, Tensor]:
    """NT-Xent of the anchor and the target view. With `target_from: image` both are of one image, as in SimCLR.

    Of several anchor views each is compared with the target view, and the mean is taken.
    """
    temperature = recipe.loss.temperature
    return {"loss": mean_over_views(lambda view: nt_xent(view, targets, temperature), len(targets), anchors)}
