"""What a training does: the configuration's section `training`, sorted by what its keys are about.

Fields and defaults are those of `config/schemas/training.yaml`, which also describes each of them; a test holds the two
together.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self

from cwamsn.errors import InputError, nearest
from cwamsn.recipes import RUN_KEYS

Scale = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class PairOptions:
    """Which images form the pairs of a batch."""

    target_from: str = "well"
    batch_size: int = 64
    batch_composition: str = "random"
    epoch_unit: str = "perturbation"
    training_key: str = "compound"
    controls: str = "drop"
    wells_per_perturbation: int | None = None
    perturbations: float | None = None


@dataclass(frozen=True, kw_only=True)
class ViewOptions:
    """How views are cut from the images, and which of their patches and channels are left out."""

    rand_views: int = 1
    focal_views: int = 10
    rand_size: int = 224
    focal_size: int = 96
    rand_scale: Scale = (0.3, 1.0)
    focal_scale: Scale = (0.05, 0.3)
    target_view: str = "free"
    target_scale: Scale | None = None
    antialias: bool = True
    horizontal_flip: bool = True
    vertical_flip: bool = False
    quarter_turns: bool = False
    mask_ratio: float = 0.15
    mask_views: str = "random"
    mask_pattern: str = "batch"
    channel_sampling: str = "none"


@dataclass(frozen=True, kw_only=True)
class NetworkOptions:
    """Encoder and projection head."""

    encoder: str = "vit_small_patch16_224"
    encoder_options: Mapping[str, object] = field(default_factory=dict)
    hidden_dim: int = 2048
    output_dim: int = 256


@dataclass(frozen=True, kw_only=True)
class LossOptions:
    """What the losses on prototypes and cosine similarities share."""

    prototypes: int = 1024
    temperature: float = 0.1
    sharpening: float = 0.25
    me_max_weight: float = 1.0
    sinkhorn_iterations: int = 3
    min_prototype_use: float = 0.03


@dataclass(frozen=True, kw_only=True)
class OptimiserOptions:
    """Length of the training, its schedules, and AdamW."""

    epochs: int = 100
    steps: int | None = None
    learning_rate_reading: str = "A"
    start_lr: float | None = None
    peak_lr: float | None = None
    final_lr: float = 1e-6
    warmup_epochs: float = 15
    start_weight_decay: float = 0.04
    final_weight_decay: float = 0.4
    start_momentum: float = 0.996
    final_momentum: float = 1.0
    stretch: float = 1.25
    betas: tuple[float, float] = (0.9, 0.999)
    adam_eps: float = 1e-8
    clip_gradient: float | None = 3.0
    reference_prototype_gradients: bool = False


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """Arithmetic, device, log and checkpoints."""

    precision: str = "auto"
    attention: str = "auto"
    compile: bool = False
    deterministic: bool = False
    cuda_graph: bool = True
    device: str = "auto"
    log_every: int = 50
    checkpoint_minutes: float = 5
    keep_checkpoint: bool = False


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that decides which weights a training gives, but for its data and its seed."""

    objective: str = "msn"
    objective_options: Mapping[str, object] = field(default_factory=dict)
    pairs: PairOptions = field(default_factory=PairOptions)
    views: ViewOptions = field(default_factory=ViewOptions)
    network: NetworkOptions = field(default_factory=NetworkOptions)
    loss: LossOptions = field(default_factory=LossOptions)
    optimiser: OptimiserOptions = field(default_factory=OptimiserOptions)
    run: RunOptions = field(default_factory=RunOptions)

    @classmethod
    def from_config(cls, section: Mapping[str, object]) -> Self:
        """The recipe of a flat section `training`, or of the `recipe` in an `encoder.json`.

        Keys that are absent take their defaults; those of how a job is run (:data:`cwamsn.recipes.RUN_KEYS`) are no
        part of a recipe and are passed over. Values are not checked: the schema does that at the border.

        Raises
        ------
        InputError
            A key is not known; the message names the nearest ones.
        """
        values: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value
            for key, value in section.items()
            if key not in RUN_KEYS
        }
        for key in values:
            if key not in KEYS:
                raise InputError(f"training.{key}: unknown key; {nearest(key, KEYS)}")
        own: dict[str, Any] = {}
        for name, part in PARTS.items():
            own[name] = part(**{key: values.pop(key) for key in KEYS_OF[name] if key in values})
        return cls(**values, **own)

    def to_config(self) -> dict[str, object]:
        """The flat section again, as JSON and YAML hold it."""
        flat: dict[str, Any] = {"objective": self.objective, "objective_options": dict(self.objective_options)}
        for name in PARTS:
            flat |= asdict(getattr(self, name))
        return {key: list(value) if isinstance(value, tuple) else value for key, value in flat.items()}


PARTS = {
    "pairs": PairOptions,
    "views": ViewOptions,
    "network": NetworkOptions,
    "loss": LossOptions,
    "optimiser": OptimiserOptions,
    "run": RunOptions,
}
KEYS_OF = {name: tuple(f.name for f in fields(part)) for name, part in PARTS.items()}
KEYS = ("objective", "objective_options", *(key for keys in KEYS_OF.values() for key in keys))
