"""SimCLR: two views of one image attract, all other views of the batch repel."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cwamsn.training.objectives import objective
from cwamsn.training.objectives.rows import all_rows, diagonal, promoted


def nt_xent(first: Tensor, second: Tensor, temperature: float = 0.1) -> Tensor:
    """Normalised temperature-scaled cross-entropy (SimCLR, Chen et al. 2020, arXiv:2002.05709, eq. 1).

    first, second: (B, D), two views of the same B samples. Each of the 2B rows is a query whose positive is its other
    view and whose negatives are the remaining 2B - 2 rows; returns the mean over the 2B queries.
    """
    first, second = promoted(first, second)
    views = F.normalize(torch.cat([all_rows(first), all_rows(second)]), dim=1)
    similarity = (views @ views.T / temperature).masked_fill(diagonal(views), -torch.inf)
    samples = len(views) // 2
    positive = torch.arange(2 * samples, device=views.device).roll(samples)
    return F.cross_entropy(similarity, positive)


def perceptron_head(recipe: dict[str, Any], features: int) -> nn.Module:
    """Linear, ReLU, Linear to `output_dim`: the projector of SimCLR and SupCon."""
    return nn.Sequential(nn.Linear(features, features), nn.ReLU(), nn.Linear(features, recipe["output_dim"]))


@objective("simclr", head=perceptron_head)
def simclr(model, batch, recipe) -> dict[str, Tensor]:
    """NT-Xent of the anchor and the target view. With `target_from: image` both are of one image, as in SimCLR."""
    first, second = model.project_anchors(batch.anchors), model.anchor(batch.target).float()
    return {"loss": nt_xent(first, second, recipe["temperature"])}
