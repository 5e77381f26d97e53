"""A plain loop for comparison: what one writes from the paper and the MSN reference without looking at speed.

Views by torchvision sample by sample in a DataLoader with as many workers as our loader has threads, reading the same
store; float32; `torch.nn.MultiheadAttention` that forms its weights; one operation per parameter in the optimiser and
in the moving average; the loss read after each step. Loss, masks, schedules and boxes' distribution are ours.
"""

import time
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

from bench.gpu_parts.case import Case
from bench.gpu_parts.clock import per_call, synchronise
from bench.gpu_parts.figures import Figure
from bench.gpu_parts.step import real_steps
from cwamsn.crops import CropStore
from cwamsn.models import share_threads
from cwamsn.training import Recipe
from cwamsn.training.batch import Batch, Group
from cwamsn.training.data import TrainingData
from cwamsn.training.model import Model
from cwamsn.training.sampler import PairSampler


def measure(case: Case) -> Iterator[Figure]:
    ours, _ = real_steps(case.trainer(), case.seconds)
    recipe = case.recipe()
    model = plain_model(recipe, case.data).to(case.device)
    step = _Step(model, case.device)
    workers = 1 if case.small else max(1, share_threads(case.device).loader)
    batches = iter(_loader(recipe, case.data, workers))
    held = next(batches)
    on_device = per_call(lambda: step(held), case.device, case.seconds / 2, warm=1)
    step(next(batches))
    synchronise(case.device)
    start, steps = time.perf_counter(), 0
    while steps < 3 or time.perf_counter() - start < 2 * case.seconds:
        step(next(batches))
        steps += 1
    synchronise(case.device)
    plain = (time.perf_counter() - start) / steps
    del batches  # ends the workers
    yield Figure(f"plain loop, {workers} worker{'s' * (workers > 1)}, step", 1000 * plain, "ms")
    yield Figure("plain loop, step with the batch in memory", 1000 * on_device, "ms")
    yield Figure("ours, step with real input", 1000 * ours, "ms")
    yield Figure("plain loop / ours", plain / ours, "times", at_least=5)


class PlainAttention(nn.Module):
    """Attention as torch.nn has it, in place of timm's; forms the weights of all pairs of tokens."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)

    def forward(self, x: Tensor, **_: object) -> Tensor:
        return self.attention(x, x, x, need_weights=True)[0]


def plain_model(recipe: Recipe, data: TrainingData) -> Model:
    """The networks of a recipe with torch's own attention."""
    model = Model(recipe, len(data.statistics.channels), data.classes)
    for branch in (model.anchor, model.target):
        for block in branch.encoder.vit.blocks:
            block.attn = PlainAttention(branch.encoder.num_features, block.attn.num_heads)
    model.target.load_state_dict(model.anchor.state_dict())
    model.target.requires_grad_(False)
    return model.train()


class _Step:
    """One optimiser step, parameter by parameter."""

    def __init__(self, model: Model, device: torch.device):
        self.model, self.device = model, device
        self.optimiser = torch.optim.AdamW(model.parameter_groups(), fused=False, foreach=False)
        self.pairs = list(zip(model.target.parameters(), model.anchor.parameters()))

    def __call__(self, images: list[Tensor]) -> float:
        target, large, small = (x.to(self.device) for x in images)
        small = small.transpose(0, 1).flatten(0, 1)  # (pairs, views, ...) to view-major
        options, patch = self.model.recipe.views, self.model.patch_size[0]
        patches = (options.rand_size // patch) ** 2
        keep = torch.randperm(patches)[: int(patches * (1 - options.mask_ratio))].to(self.device)
        codes = torch.arange(len(target), device=self.device)
        batch = Batch([Group(large, keep), Group(small, None)], target, codes, torch.Generator())
        loss = self.model(batch)["loss"]
        self.optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.anchor.parameters(), 3.0, foreach=False)
        self.optimiser.step()
        with torch.no_grad():
            for target_weight, weight in self.pairs:
                target_weight.mul_(0.996).add_((1.0 - 0.996) * weight.detach())
        return loss.item()


class _Samples(Dataset):
    """A pair of images as views: target, large anchor view, small ones stacked."""

    def __init__(self, recipe: Recipe, data: TrainingData, pairs: list[tuple[int, int]]):
        options, statistics = recipe.views, data.statistics
        self.store: CropStore = data.store
        self.pairs, self.small_views = pairs, options.focal_views

        def transform(size: int, scale: tuple[float, float]) -> v2.Compose:
            crop = v2.RandomResizedCrop(size, scale=scale, antialias=True)
            normalise = v2.Normalize(statistics.mean, statistics.std)
            return v2.Compose([crop, v2.RandomHorizontalFlip(), v2.ToDtype(torch.float32), normalise])

        self.large = transform(options.rand_size, options.rand_scale)
        self.small = transform(options.focal_size, options.focal_scale)

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, i: int) -> tuple[Tensor, Tensor, Tensor]:
        anchor, target = (torch.from_numpy(self.store.load(crop)) for crop in self.pairs[i])
        views = torch.stack([self.small(anchor) for _ in range(self.small_views)])
        return self.large(target), self.large(anchor), views


def _loader(recipe: Recipe, data: TrainingData, workers: int) -> DataLoader:
    sampler, crops = PairSampler(data.crops, recipe.pairs, 0), data.crops["crop"].to_numpy()
    pairs: list[tuple[int, int]] = []
    for epoch in range(-(-1000 // len(sampler))):  # more steps than are ever taken
        for drawn in sampler.epoch(epoch):
            pairs += [(int(a), int(t)) for a, t in zip(crops[drawn.anchor], crops[drawn.target])]
    return DataLoader(
        _Samples(recipe, data, pairs),
        batch_size=recipe.pairs.batch_size,
        num_workers=workers,
        pin_memory=torch.cuda.is_available(),
    )
