"""Weak supervision: which of the training perturbations is it?"""

import torch.nn.functional as F
from torch import Tensor, nn

from cwamsn.training.arithmetic import full_precision
from cwamsn.training.objectives.registry import objective
from cwamsn.training.objectives.supcon import labelled_views


@full_precision
def perturbation_loss(features: Tensor, labels: Tensor, classifier: nn.Linear) -> tuple[Tensor, Tensor]:
    """(cross-entropy, share classified rightly) of features (N, D) and labels (N,), in the classifier's precision."""
    logits = classifier(features.to(classifier.weight.dtype))
    return F.cross_entropy(logits, labels), (logits.argmax(dim=1) == labels).float().mean()


@objective(
    "wsl",
    lambda model, batch, recipe: labelled_views(model, batch, recipe) | {"classifier": model.parts["classifier"]},
    parts=lambda recipe, classes, encoder: {"classifier": nn.Linear(encoder.num_features, classes)},
    head=lambda recipe, features: nn.Identity(),
)
def wsl(recipe, features, labels, classifier) -> dict[str, Tensor]:
    """Cross-entropy over the training perturbations, on anchor and target images alike."""
    loss, right = perturbation_loss(features, labels, classifier)
    return {"loss": loss, "accuracy": right}
