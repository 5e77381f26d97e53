"""MolPhenix-style: features of a frozen encoder against Morgan fingerprints, soft sigmoid loss."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cwamsn.training.arithmetic import full_precision
from cwamsn.training.batch import Batch
from cwamsn.training.objectives.gathering import gather_with_gradient, mean_over_views
from cwamsn.training.objectives.molecules import MoleculeEncoder, has_molecule, read_fingerprints
from cwamsn.training.objectives.registry import Features, Molecules, Networks, no_head, objective, options_of
from cwamsn.training.recipe import Recipe

LOG_SCALE, BIAS = math.log(10), -1.0  # where scale and bias of the logits start


@full_precision
def s2l(
    images: Tensor,
    molecules: Tensor,
    *,
    log_scale: float | Tensor = LOG_SCALE,
    bias: float | Tensor = BIAS,
    width: float = 0.3,
    threshold: float = 0.75,
    gamma: float = 1.7,
    delta: float = 0.75,
) -> Tensor:
    """Soft sigmoid loss of MolPhenix (Fradkin et al. 2024, arXiv:2409.08302): similar images count as partly positive.

    images, molecules: (B, D). With logits x = exp(log_scale)·cos + bias and w_ij = 1 - 4/π·atan(d²_ij/width) of the
    squared distance between images i and j (length 1), 0 below `threshold`, the loss is
    -1/B Σ_ij [w log σ(x) + (gamma - delta·w) log σ(-x)].
    """
    images, molecules = (
        F.normalize(gather_with_gradient(images), dim=1),
        F.normalize(gather_with_gradient(molecules), dim=1),
    )
    log_scale, bias = (torch.as_tensor(x, dtype=images.dtype, device=images.device) for x in (log_scale, bias))
    logits = log_scale.exp() * molecules @ images.T + bias
    squared = 2 - 2 * images @ images.T
    weight = 1 - torch.atan(squared / width) * (4 / math.pi)
    weight = weight.where(weight >= threshold, 0)
    each = weight * F.logsigmoid(logits) + (gamma - delta * weight) * F.logsigmoid(-logits)
    return -each.sum() / len(images)


class Scale(nn.Module):
    """Trained scale (as a logarithm) and bias of the logits."""

    def __init__(self, log_scale: float, bias: float):
        super().__init__()
        self.log_scale, self.bias = nn.Parameter(torch.tensor(log_scale)), nn.Parameter(torch.tensor(bias))


def features(model: Networks, batch: Batch, recipe: Recipe) -> Features:
    """Anchor views (V·B, D), view-major, encoded molecules (B, D), and the trained scale and bias of the logits."""
    scale = model.parts["scale"]
    return {
        "images": model.project_anchors(batch.anchors),
        "molecules": model.parts["molecules"](batch.perturbation),
        "log_scale": scale.log_scale,
        "bias": scale.bias,
    }


@objective(
    "molphenix",
    features,
    modules=lambda recipe, classes, encoder: {
        "molecules": MoleculeEncoder(classes, encoder.num_features),
        "scale": Scale(LOG_SCALE, BIAS),
    },
    head=no_head,
    options={"width": 0.3, "threshold": 0.75, "gamma": 1.7, "delta": 0.75},
    molecules=Molecules(usable=has_molecule, prepare=read_fingerprints),
)
def molphenix(recipe: Recipe, images: Tensor, molecules: Tensor, log_scale: Tensor, bias: Tensor) -> dict[str, Tensor]:
    """Images of the anchors against fingerprints, the mean over anchor views; take a `channelwise` encoder.

    MolPhenix-style: in place of a pretrained graph network it has a perceptron on Morgan fingerprints, and no dose.
    """
    options = options_of(recipe)

    def loss(view: Tensor) -> Tensor:
        return s2l(view, molecules, log_scale=log_scale, bias=bias, **options)

    return {"loss": mean_over_views(loss, len(molecules), images)}
