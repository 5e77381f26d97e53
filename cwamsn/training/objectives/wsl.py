"""Weak supervision: which of the training perturbations is it?"""

import torch.nn.functional as F
from torch import Tensor, nn

from cwamsn.training.arithmetic import full_precision
from cwamsn.training.batch import Batch
from cwamsn.training.objectives.registry import Features, Networks, no_head, objective
from cwamsn.training.objectives.supcon import labelled_views
from cwamsn.training.recipe import Recipe


@full_precision
def perturbation_loss(features: Tensor, labels: Tensor, classifier: nn.Linear) -> tuple[Tensor, Tensor]:
    """(cross-entropy, share classified rightly) of features (N, D) and labels (N,), in the classifier's precision."""
    logits = classifier(features.to(classifier.weight.dtype))
    return F.cross_entropy(logits, labels), (logits.argmax(dim=1) == labels).float().mean()


def features(model: Networks, batch: Batch, recipe: Recipe) -> Features:
    """Head outputs of all views and their labels, and the classifier."""
    return {**labelled_views(model, batch, recipe), "classifier": model.parts["classifier"]}


@objective(
    "wsl",
    features,
    modules=lambda recipe, classes, encoder: {"classifier": nn.Linear(encoder.num_features, classes)},
    head=no_head,
)
def wsl(recipe: Recipe, features: Tensor, labels: Tensor, classifier: nn.Linear) -> dict[str, Tensor]:
    """Cross-entropy over the training perturbations, on anchor and target images alike."""
    loss, right = perturbation_loss(features, labels, classifier)
    return {"loss": loss, "accuracy": right}
