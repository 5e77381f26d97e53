"""Everything that a training changes: encoder, head, their moving average, and the modules of the objective."""

import copy
from typing import Any

import torch
from torch import Tensor, nn

from cwamsn.errors import InputError
from cwamsn.models import AGNOSTIC, ChannelAgnosticEncoder, build_encoder, encoder_arguments, load_frozen
from cwamsn.training.batch import Batch, Group
from cwamsn.training.objectives import objective_of
from cwamsn.training.recipe import Recipe


class Branch(nn.Module):
    """An encoder and its projection head."""

    def __init__(self, encoder: nn.Module, head: nn.Module):
        super().__init__()
        self.encoder, self.head = encoder, head

    def forward(self, images: Tensor, keep: Tensor | None = None, channels: Tensor | None = None) -> Tensor:
        shown = {} if channels is None else {"channels": channels}  # which only some encoders take
        return self.head(self.encoder(images, keep, **shown))


class Model(nn.Module):
    """The networks of one training.

    `anchor` is trained by gradient; `target` is its moving average, or None where the objective keeps none; `parts`
    (so named in the weight files) holds the modules that the objective trains beside them.

    Parameters
    ----------
    recipe : names the objective, the encoder and their options.
    channels : channels of the images.
    classes : number of perturbations.
    """

    def __init__(self, recipe: Recipe, channels: int, classes: int):
        super().__init__()
        self.recipe, network = recipe, recipe.network
        chosen = self.objective = objective_of(recipe)
        arguments = encoder_arguments(network.encoder, network.encoder_options, recipe.views.rand_size)
        encoder = build_encoder(network.encoder, channels, attention=recipe.run.attention, **arguments)
        if recipe.views.channel_sampling != "none" and not isinstance(encoder, ChannelAgnosticEncoder):
            raise InputError(
                f"training.channel_sampling: {network.encoder} takes all channels at once; set it to none, or encoder "
                f"to one of {', '.join(AGNOSTIC)}"
            )
        self.patch_size = encoder.patch_size
        self.anchor = Branch(encoder, chosen.head(recipe, encoder.num_features))
        self.target = copy.deepcopy(self.anchor).requires_grad_(False) if chosen.moving_average else None
        self.parts = nn.ModuleDict(chosen.modules(recipe, classes, encoder))

    def project_anchors(self, groups: list[Group]) -> Tensor:
        """(V·B, output_dim), view-major.

        One forward pass per view size, head included, so BatchNorm statistics are computed per size.
        """
        return torch.cat([self.anchor(*group) for group in groups])

    @torch.no_grad()
    def project_target(self, images: Tensor) -> Tensor:
        """(B, output_dim) of the moving average, whose BatchNorm uses the batch's own statistics too."""
        if self.target is None:
            raise ValueError(f"{self.recipe.objective} keeps no moving average")
        return self.target(images)

    def load_frozen(self) -> None:
        """Load the public weights of encoders that hold a frozen network. Restoring a trained encoder needs none."""
        for branch in (self.anchor, self.target):
            if branch is not None:
                load_frozen(branch.encoder)

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Loss and numbers of a batch. The networks run in the caller's precision, the loss in full precision."""
        features = self.objective.features(self, batch, self.recipe)
        return self.objective.loss(self.recipe, **features)

    @torch.no_grad()
    def update_target(self, momentum: float) -> None:
        """target = momentum · target + (1 - momentum) · anchor. Parameters only: each branch has its own buffers."""
        if self.target is not None:
            torch._foreach_lerp_(list(self.target.parameters()), list(self.anchor.parameters()), 1 - momentum)

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Optimiser groups: `decay` follows the weight-decay schedule, `clip` counts in the gradient's norm.

        Weights of two or more dimensions decay (position embedding and class token among them); biases, norms and
        prototypes do not. Prototypes are not clipped either.
        """
        named = [(name, p) for name, p in self.named_parameters() if p.requires_grad]
        prototypes = [p for name, p in named if "prototypes" in name]
        others = [(name, p) for name, p in named if "prototypes" not in name]
        decayed = [p for _, p in others if p.ndim > 1]
        plain = [p for _, p in others if p.ndim <= 1]
        groups = [
            {"params": decayed, "decay": True, "clip": True},
            {"params": plain, "decay": False, "clip": True},
            {"params": prototypes, "decay": False, "clip": False},
        ]
        return [g for g in groups if g["params"]]
