"""How a head on frozen features is trained."""

from dataclasses import dataclass

from cwamsn.errors import InputError
from cwamsn.options import Options

LOSSES = ("prototypes", "contrastive")
TARGETS = ("image", "site", "well", "plate", "batch")


@dataclass(frozen=True, kw_only=True)
class HeadOptions(Options):
    """Options of :func:`cwamsn.heads.train_head`."""

    loss: str = "prototypes"
    """`prototypes`: the loss of CWA-MSN; `contrastive`: NT-Xent of anchor and target."""
    target_from: str = "well"
    """Where the target of a well comes from: another well of its perturbation (`well`), one on another plate (`plate`)
    or in another batch (`batch`), the well itself with other noise (`image`), as plain MSN, or another field of it
    (`site`), where rows are fields."""
    layers: int = 1
    """1: a linear map; 2: with a hidden layer."""
    hidden: int = 256
    """Units of the hidden layer."""
    output: int | None = 64
    """Features of the head; None: as many as there are. Of no meaning where `residual` is set."""
    residual: bool = False
    """Add the head to the features, beginning with nothing, so that it starts as the identity."""
    noise: float = 0.2
    """Standard deviation of the noise on the anchor's features, each of deviation 1."""
    drop: float = 0.1
    """Share of the anchor's features that are set to their mean."""
    views: int = 2
    """Anchor views per well."""
    batch_size: int = 128
    """Perturbations per batch."""
    steps: int = 1000
    """Optimiser steps at most."""
    learning_rate: float = 1e-3
    """Of AdamW, falling to nothing by a cosine."""
    weight_decay: float = 0.01
    """Of AdamW."""
    momentum: float = 0.99
    """Of the moving average that makes the targets."""
    prototypes: int = 128
    """Prototypes."""
    temperature: float = 0.1
    """Of the cosine similarities."""
    sharpening: float = 0.25
    """Of the targets' assignments."""
    me_max_weight: float = 1.0
    """Weight of the mean entropy."""
    sinkhorn_iterations: int = 3
    """Rounds that balance the targets' assignments."""
    validation: float = 0.15
    """Share of the perturbations that are not trained on and say when to stop; 0: none, all steps are made."""
    check_every: int = 50
    """Steps between two looks at them."""
    patience: int = 6
    """Looks without a better one after which training ends."""
    seed: int = 0
    """Of everything that is drawn."""

    def __post_init__(self) -> None:
        """Raise InputError for what no head can be trained with."""
        for name, known in (("loss", LOSSES), ("target_from", TARGETS)):
            if getattr(self, name) not in known:
                raise InputError(f"heads: {name} {getattr(self, name)!r} is not known; known: {', '.join(known)}")
        if self.layers not in (1, 2):
            raise InputError(f"heads: {self.layers} layers; give 1 or 2")
        for name in ("hidden", "batch_size", "steps", "prototypes", "views", "check_every", "patience"):
            if getattr(self, name) < 1:
                raise InputError(f"heads: {name} is {getattr(self, name)}; give 1 or more")
        for name in ("temperature", "sharpening"):
            if not getattr(self, name) > 0:
                raise InputError(f"heads: {name} is {getattr(self, name)}; give a number above 0")
        for name in ("learning_rate", "noise", "weight_decay", "me_max_weight", "sinkhorn_iterations"):
            if not getattr(self, name) >= 0:
                raise InputError(f"heads: {name} is {getattr(self, name)}; give 0 or more")
        if self.output is not None and self.output < 1:
            raise InputError(f"heads: output is {self.output}; give 1 or more, or none for as many as features")
        if not 0 <= self.momentum <= 1:
            raise InputError(f"heads: momentum is {self.momentum}; give 0 to 1")
        if not 0 <= self.drop < 1 or not 0 <= self.validation < 1:
            raise InputError("heads: drop and validation are shares; give at least 0 and less than 1")
