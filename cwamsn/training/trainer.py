"""One training: its networks, optimiser, schedules and views, and the step that changes them."""

import math
import time
from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel

from cwamsn.exposure import SEEN
from cwamsn.live import say
from cwamsn.models import (
    autocast,
    averaged,
    compile_encoder,
    compile_errors,
    deterministic_algorithms,
    device_name,
    gradient_scaler,
    is_main,
    products,
    resolve_attention,
    resolve_precision,
    set_attention,
    set_layout,
    world,
)
from cwamsn.training.batch import Batch
from cwamsn.training.checkpoint import fingerprint
from cwamsn.training.data import TrainingData, agreement_codes, perturbation_table
from cwamsn.training.graph import RecordedStep
from cwamsn.training.loader import Drawn, PairImages, PairLoader, Steps
from cwamsn.training.model import Model
from cwamsn.training.multicrop import MultiCropViews
from cwamsn.training.numbers import SCALES, Step
from cwamsn.training.recipe import Recipe
from cwamsn.training.sampler import Pairs, PairSampler
from cwamsn.training.schedule import schedules_of
from cwamsn.training.weights import code_version


class Trainer:
    """Takes the optimiser steps of one training: data → pairs → images → views → objective → optimiser.

    Parameters
    ----------
    recipe : what is trained, and how.
    data : crops of the training part, from :func:`~cwamsn.training.data.read_training_data`.
    seed : decides initial weights, pairs and views.
    device : where everything is computed; in a torch.distributed job, this process's own.

    Attributes
    ----------
    model : the networks; initial weights until steps are taken.
    steps, done : optimiser steps in all, and those taken. `steps` is 0 where the recipe has no epochs: then only
        `model` and the descriptions can be used.
    precision, attention : what `auto` means on `device`.
    compile_seconds : what the first step took where the recipe compiles, compilation included; else None.

    Raises
    ------
    InputError
        No batch can be filled, or the recipe asks for what does not exist.
    """

    def __init__(self, recipe: Recipe, data: TrainingData, seed: int, device: torch.device):
        self.recipe, self.data, self.seed, self.device = recipe, data, seed, device
        with torch.random.fork_rng(devices=[]):  # a GPU's own generator goes on from the seed: dropout draws from it
            torch.manual_seed(seed)
            self.model = Model(recipe, len(data.statistics.channels), data.classes).to(device)
        self.model.load_frozen()
        self.precision = resolve_precision(recipe.run.precision, device)
        self.attention = resolve_attention(recipe.run.attention, device, self.precision)
        set_attention(self.model, self.attention)
        if not recipe.run.deterministic:  # channels last, the gradient of max pooling is summed by atomic additions
            set_layout(self.model, device)
        self.compile_seconds: float | None = None
        self.counts, self.steps, self.done = dict(data.counts), 0, 0
        if recipe.optimiser.epochs:
            self._prepare()

    def _prepare(self) -> None:
        """Everything that steps need and initial weights do not."""
        options, data = self.recipe.optimiser, self.data
        self.sampler = PairSampler(data.crops, self.recipe.pairs, self.seed)
        self.counts |= {**self.sampler.counts, "batches_per_epoch": len(self.sampler)}
        self.steps = options.steps or options.epochs * len(self.sampler)
        if molecules := self.model.objective.molecules:
            molecules.prepare(self.model, perturbation_table(data.crops, self.sampler.perturbations))
        self.schedules = schedules_of(options, self.steps, len(self.sampler))
        groups = self.model.parameter_groups()
        self.optimiser = torch.optim.AdamW(groups, betas=options.betas, eps=options.adam_eps, fused=True)
        self.scaler = gradient_scaler(self.device, self.precision)
        self._clipped = [p for g in groups if g["clip"] for p in g["params"]]
        self._unclipped = [p for g in groups if not g["clip"] for p in g["params"]]
        self._codes = agreement_codes(data.crops)
        self.views = MultiCropViews(
            self.recipe.views, data.image_size, self.model.patch_size, data.statistics, self.device
        )
        self.loader = PairLoader(data, self.sampler, self.device, self._draw)
        self.model.train()

    def _draw(self, step: int, pairs: Pairs, share: slice) -> Drawn:
        """All that is drawn for a step beside its pairs: views, and what the objective draws. In any thread."""
        codes, more = torch.from_numpy(pairs.perturbation[share]), self.model.objective.draw
        small, generator = self.views.draw(self.seed, step, len(pairs.perturbation), share)
        small |= {"perturbation": codes}
        if more is not None:
            small |= more(self.recipe, self.model.patch_size, len(codes), generator)
        return Drawn(small, generator)

    @cached_property
    def fingerprint(self) -> str:
        """What a checkpoint of this training belongs to."""
        return fingerprint(self.recipe, self.precision, self.seed, self.data.sha256)

    @cached_property
    def _parallel(self) -> torch.nn.Module:
        """The model, its gradients averaged over processes; created at the first step, after weights were restored."""
        if world()[1] == 1:
            return self.model
        # gradients are views of the buckets that are averaged while the backward pass goes on: no copy, half the memory
        return DistributedDataParallel(self.model, forward_sync_buffers=False, gradient_as_bucket_view=True)

    def remaining(self, *, threads: int = 0, depth: int = 3) -> Steps:
        """The batches of the steps that are still to be taken; to be closed where they are left before the last.

        threads, depth : as of :func:`cwamsn.loading.load_ahead`.
        """
        return self.loader.steps(self.done, self.steps, threads=threads, depth=depth)

    def step(self, images: PairImages) -> Step:
        """Take one optimiser step. Nothing here waits for the device, so a loss that is not finite is not noticed:
        :func:`cwamsn.training.numbers.read` does."""
        with products(self.device, self.precision), deterministic_algorithms(self.recipe.run.deterministic):
            first = self.recipe.run.compile and self.compile_seconds is None
            return self._compiling_step(images) if first else self._step(images)

    def _compiling_step(self, images: PairImages) -> Step:
        """The first step of this process, which compiles the encoders, and what it takes as `compile_seconds`."""
        for branch in (self.model.anchor, self.model.target):
            if branch is not None:
                compile_encoder(branch.encoder)
        started = time.perf_counter()
        with compile_errors():
            step = self._step(images)
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        self.compile_seconds = time.perf_counter() - started
        if is_main():
            say(f"compile: the first step took {self.compile_seconds:.1f} s, compilation included")
        return step

    def _step(self, images: PairImages) -> Step:
        numbers = self._networks(self.views(images))
        self._descend(numbers, images.step)
        self.model.update_target(self.schedules.momentum[images.step])
        self.done, pairs = images.step + 1, images.pairs
        seen = len({*pairs.anchor, *pairs.target})
        return Step(images.step, tuple(numbers), averaged(numbers), self._agreement(pairs), seen)

    @cached_property
    def _networks(self) -> Callable[[Batch], dict[str, Tensor]]:
        """:meth:`_compute`, as one CUDA graph on a single GPU: several exchange gradients while they compute them."""
        if self.device.type == "cuda" and self.recipe.run.cuda_graph and world()[1] == 1:
            return RecordedStep(self._compute, self.model, self.device)
        return self._compute

    def _compute(self, batch: Batch) -> dict[str, Tensor]:
        """Loss and numbers of a batch, and the gradients, scaled where the precision needs it."""
        self.optimiser.zero_grad(set_to_none=True)
        with autocast(self.device, self.precision):
            numbers = self._parallel(batch)
        self.scaler.scale(numbers["loss"]).backward()
        return {name: value.detach() if isinstance(value, Tensor) else value for name, value in numbers.items()}

    def _descend(self, numbers: dict[str, Tensor], step: int) -> None:
        """Clipping and the optimiser's step; adds to `numbers` what the log holds of them."""
        scaler, options = self.scaler, self.recipe.optimiser
        for group in self.optimiser.param_groups:
            group["lr"] = float(self.schedules.lr[step])
            group["weight_decay"] = float(self.schedules.weight_decay[step]) if group["decay"] else 0.0
        scaler.unscale_(self.optimiser)
        if options.reference_prototype_gradients and self._unclipped:
            torch._foreach_mul_([p.grad for p in self._unclipped], world()[1])
        numbers["gradient_norm"] = torch.nn.utils.clip_grad_norm_(self._clipped, options.clip_gradient or math.inf)
        one = torch.ones((), device=self.device)
        before = scaler.scale(one)
        # where float16 overflowed, the optimiser leaves the step out and `update` halves the scale, both on the device
        scaler.step(self.optimiser)
        scaler.update()
        if scaler.is_enabled():
            numbers |= dict(zip(SCALES, (before, scaler.scale(one))))

    def _agreement(self, pairs: Pairs) -> dict[str, float]:
        """Share of the pairs whose images have the same well, plate, ..."""
        return {name: float(np.mean(code[pairs.anchor] == code[pairs.target])) for name, code in self._codes.items()}

    def epoch(self) -> int:
        """Epoch of the last step taken, counted from 0."""
        return (self.done - 1) // len(self.sampler)

    def state_dict(self) -> dict[str, Any]:
        """Everything that the next step depends on."""
        return {
            "model": self.model.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "scaler": self.scaler.state_dict(),
            "rng": torch.get_rng_state(),
            "device_rng": torch.cuda.get_rng_state(self.device) if self.device.type == "cuda" else None,
            "step": self.done,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go back to where :meth:`state_dict` was taken."""
        self.model.load_state_dict(state["model"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.scaler.load_state_dict(state["scaler"])
        torch.set_rng_state(state["rng"].cpu())
        if state["device_rng"] is not None:
            torch.cuda.set_rng_state(state["device_rng"].cpu(), self.device)
        self.done = state["step"]

    def description(self) -> dict[str, object]:
        """Content of `encoder.json`: the recipe, and what came of it on this data and this device."""
        statistics = self.data.statistics
        return {
            "recipe": self.recipe.to_config(),
            "seed": self.seed,
            "steps": self.steps,
            "channels": list(statistics.channels),
            "mean": list(statistics.mean),
            "std": list(statistics.std),
            "input_size": self.recipe.views.rand_size,
            "image_size": list(self.data.image_size),
            "classes": self.data.classes,
            "counts": self.counts,
            "images": self.data.crops["crop"].nunique() if self.steps else 0,
            "networks": ["anchor"] if self.model.target is None else ["anchor", "target"],
            "data_sha256": dict(self.data.sha256),
            "training_screen": self.data.screen._asdict(),
            SEEN: self.data.seen if self.steps else {"plates": [], "perturbations": [], "inchikey_blocks": []},
            "code_version": code_version(),
            "device": device_name(self.device),
            "precision": self.precision,
            "attention": self.attention,
        } | ({} if self.compile_seconds is None else {"compile_seconds": round(self.compile_seconds, 1)})
