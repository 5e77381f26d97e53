"""CLOOME: images against Morgan fingerprints, InfoLOOB on Hopfield retrievals."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cwamsn.training.arithmetic import full_precision
from cwamsn.training.batch import Batch
from cwamsn.training.objectives.gathering import diagonal, gather_with_gradient, mean_over_views
from cwamsn.training.objectives.molecules import MoleculeEncoder, has_molecule, read_fingerprints
from cwamsn.training.objectives.registry import Features, Molecules, Networks, objective, options_of
from cwamsn.training.recipe import Recipe


def hopfield(stored: Tensor, state: Tensor, beta: float) -> Tensor:
    """One update of a continuous Hopfield network without weights: softmax(beta · state · storedᵀ) · stored, rows of
    length 1 (Ramsauer et al. 2020, arXiv:2008.02217, eq. 3). stored: (N, D); state and result: (M, D)."""
    return F.normalize(F.softmax(beta * state @ stored.T, dim=1) @ stored, dim=1)


def info_loob(anchors: Tensor, samples: Tensor, inverse_temperature: float | Tensor) -> Tensor:
    """InfoLOOB: InfoNCE whose denominator leaves the positive out, times the temperature (CLOOB, Fürst et al. 2022,
    arXiv:2110.11316, eq. 8). anchors, samples: (N, D), row i of one is the positive of row i of the other; N >= 2."""
    logits = inverse_temperature * anchors @ samples.T
    negatives = logits.masked_fill(diagonal(logits), -torch.inf).logsumexp(dim=1)
    return (negatives - logits.diagonal()).mean() / inverse_temperature


@full_precision
def cloob(images: Tensor, molecules: Tensor, beta: float = 14.3, inverse_temperature: float | Tensor = 14.3) -> Tensor:
    """Contrastive loss of CLOOME (Sanchez-Fernandez et al. 2023): InfoLOOB in both directions on Hopfield retrievals.

    images, molecules: (B, D). The first term compares what images and molecules retrieve from the stored images, the
    second what they retrieve from the stored molecules; the two are added.
    """
    images, molecules = (
        F.normalize(gather_with_gradient(images), dim=1),
        F.normalize(gather_with_gradient(molecules), dim=1),
    )
    from_images = hopfield(images, images, beta), hopfield(images, molecules, beta)
    from_molecules = hopfield(molecules, molecules, beta), hopfield(molecules, images, beta)
    return info_loob(*from_images, inverse_temperature) + info_loob(*from_molecules, inverse_temperature)


def features(model: Networks, batch: Batch, recipe: Recipe) -> Features:
    """Projected anchor views (V·B, D), view-major, and encoded molecules (B, D)."""
    return {"images": model.project_anchors(batch.anchors), "molecules": model.parts["molecules"](batch.perturbation)}


@objective(
    "cloome",
    features,
    modules=lambda recipe, classes, encoder: {"molecules": MoleculeEncoder(classes, recipe.network.output_dim)},
    head=lambda recipe, features: nn.Linear(features, recipe.network.output_dim),
    options={"beta": 14.3, "inverse_temperature": 14.3},
    molecules=Molecules(usable=has_molecule, prepare=read_fingerprints),
)
def cloome(recipe: Recipe, images: Tensor, molecules: Tensor) -> dict[str, Tensor]:
    """Images of the anchors against the fingerprints of their compounds; the mean over anchor views."""
    options = options_of(recipe)
    return {"loss": mean_over_views(lambda view: cloob(view, molecules, **options), len(molecules), images)}
