"""Weak supervision: which of the training perturbations is it?"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cwamsn.training.objectives import objective


def perturbation_loss(features: Tensor, labels: Tensor, classifier: nn.Linear) -> tuple[Tensor, Tensor]:
    """(cross-entropy, share classified rightly) of features (N, D) and labels (N,), in float32 or better."""
    with torch.autocast(features.device.type, enabled=False):
        logits = classifier(features.to(classifier.weight.dtype))
    return F.cross_entropy(logits, labels), (logits.argmax(dim=1) == labels).float().mean()


@objective(
    "wsl",
    parts=lambda recipe, classes, encoder: {"classifier": nn.Linear(encoder.num_features, classes)},
    head=lambda recipe, features: nn.Identity(),
)
def wsl(model, batch, recipe) -> dict[str, Tensor]:
    """Cross-entropy over the training perturbations, on anchor and target images alike."""
    features = torch.cat([model.project_anchors(batch.anchors), model.anchor(batch.target).float()])
    labels = batch.perturbation.repeat(len(features) // len(batch.perturbation))
    loss, right = perturbation_loss(features, labels, model.parts["classifier"])
    return {"loss": loss, "accuracy": right}
