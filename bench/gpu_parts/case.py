"""What every part is given: the device, the generated screen, how long it may measure; and a training on them."""

from collections.abc import Mapping
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from cwamsn.models import choose_devices, share_threads
from cwamsn.paths import ScreenPaths
from cwamsn.reporting.flops import Views, ViT, training_step, vit_forward
from cwamsn.training import Recipe, Trainer
from cwamsn.training.data import TrainingData, read_training_data
from cwamsn.training.loader import Steps

ENDLESS = 10**6
# The smallest network that has everything the paper's has.
SMALL: dict[str, Any] = {
    "batch_size": 8,
    "encoder": "vit_tiny_patch16_224",
    "encoder_options": {"embed_dim": 24, "depth": 2, "num_heads": 2, "patch_size": 8},
    "rand_size": 32,
    "focal_size": 16,
    "focal_views": 2,
    "hidden_dim": 32,
    "output_dim": 16,
    "prototypes": 12,
}


@dataclass(frozen=True)
class Case:
    """One machine, one screen."""

    folder: Path
    """For files; holds the screen."""
    device: torch.device
    small: bool
    """A network of two blocks, and as few repeats as can be: shows that the parts work, measures nothing."""
    seconds: float
    """What one measurement may take, about."""

    @classmethod
    def of(cls, job: Mapping[str, Any]) -> "Case":
        """The case of a job's file; its GPU becomes this process's current one."""
        device = torch.device(job["device"])
        if device.type == "cuda":
            torch.cuda.set_device(device)
        return cls(Path(job["folder"]), device, job["small"], job["seconds"])

    @property
    def screen(self) -> ScreenPaths:
        return ScreenPaths(self.folder / "screen")

    def recipe(self, **changes: object) -> Recipe:
        """The paper's recipe (or the small one) without an end, with these keys of the section `training`."""
        shared = {"steps": ENDLESS, "device": str(self.device), "min_prototype_use": 0.0}
        return Recipe.from_config((SMALL if self.small else {}) | shared | changes)

    @cached_property
    def data(self) -> TrainingData:
        return read_training_data(self.screen, self.recipe(), 0)

    def trainer(self, on: torch.device | None = None, **changes: object) -> Trainer:
        """A training that has taken no step, with the threads that its device gets by default."""
        on = on or self.device
        torch.set_num_threads(share_threads(on).compute)
        return Trainer(self.recipe(device=str(on), **changes), self.data, 0, on)

    @property
    def pair_flops(self) -> float:
        """Floating-point operations of a training step per pair, by the formula of table 7."""
        return training_step(self._vit, self._views, self.recipe().network.hidden_dim, self.recipe().network.output_dim)

    @property
    def image_flops(self) -> float:
        """Floating-point operations of the encoder per image of the size of a large view."""
        return vit_forward(self._vit, self._views.rand_size)

    @property
    def _vit(self) -> ViT:
        return ViT(dim=24, depth=2, patch=8) if self.small else ViT()

    @property
    def _views(self) -> Views:
        return Views(rand_size=32, focal=2, focal_size=16) if self.small else Views()


def usable_device(wanted: str) -> str:
    """The device that `wanted` (auto, cpu, cuda or cuda:<number>) means on this machine."""
    return choose_devices(wanted)[0]


def batches_of(trainer: Trainer) -> AbstractContextManager[Steps]:
    """The batches of a training, loaded ahead by as many threads as a job has by default; a context ends them."""
    return closing(trainer.remaining(threads=share_threads(trainer.device).loader))
