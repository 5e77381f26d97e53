"""Views: the same pixels by every way, and what they cost."""

from collections.abc import Iterator
from math import nan

import torch
from torch import Tensor

from bench.gpu_parts.case import Case, batches_of
from bench.gpu_parts.clock import host_seconds, per_call
from bench.gpu_parts.figures import Figure
from cwamsn.errors import InputError
from cwamsn.loading import ViewCutter
from cwamsn.training import random_boxes
from cwamsn.training.views import random_turns

WAYS = {"cuda": ("kernel", "dense"), "cpu": ("sparse", "dense")}
CPU = torch.device("cpu")
FEW = 4  # images of the comparison, which the CPU's way takes too
TOLERANCE = 0.005  # of 255


def measure(case: Case) -> Iterator[Figure]:
    trainer = case.trainer()
    with batches_of(trainer) as batches:
        held = next(batches)
        step = per_call(lambda: trainer.step(held), case.device, case.seconds)
    pairs = trainer.recipe.pairs.batch_size
    images = torch.from_numpy(case.data.store.load_batch(list(range(pairs))))
    requests = _requests(case, pairs)
    wanted = _cut(_cutter(case, CPU, "sparse", raw=True), images[:FEW], _requests(case, FEW))
    for way in WAYS[case.device.type]:
        name = f"views, {way} on {case.device.type} against the CPU's: largest difference"
        try:
            found = _cut(_cutter(case, case.device, way, raw=True), images[:FEW].to(case.device), _requests(case, FEW))
            off = max(float((a.cpu() - b).abs().max()) for a, b in zip(found, wanted))
        except InputError as error:
            yield Figure(f"way {way}", str(error))
            off = nan
        yield Figure(name, off, "of 255", at_most=TOLERANCE, equality=True)
    own, auto = images.to(case.device), _cutter(case, case.device, "auto")
    moved = [(boxes.to(case.device), turns.to(case.device), size) for boxes, turns, size in requests]
    yield Figure("way that auto takes", auto.way)
    cost = per_call(lambda: _cut(auto, own, moved), case.device, case.seconds)
    for way in WAYS[case.device.type]:
        if way == auto.way or way == "dense":
            cutter = _cutter(case, case.device, way)
            seconds = per_call(lambda c=cutter: _cut(c, own, moved), case.device, case.seconds)  # type: ignore[misc]
            yield Figure(f"views of a batch of {pairs} pairs, way {way}", 1000 * seconds, "ms")
    host = host_seconds(lambda: _cut(auto, own, moved), case.device)
    yield Figure("main thread issues the views of a batch", 1000 * host, "ms")
    yield Figure("step, the batch on the device already, views included", 1000 * step, "ms")
    yield Figure("views' share of the step", 100 * cost / step, "%", at_most=10)


def _cutter(case: Case, device: torch.device, way: str, raw: bool = False) -> ViewCutter:
    """raw: pixels stay in 0-255 units."""
    mean, std, channels = case.data.statistics
    if raw:
        mean, std = [0.0] * len(channels), [1.0] * len(channels)
    return ViewCutter(mean, std, device, antialias=True, way=way)


def _requests(case: Case, pairs: int) -> list[tuple[Tensor, Tensor, int]]:
    """Boxes, turns and size of the views of `pairs` images: target and large anchor views, then the small ones."""
    options, generator = case.recipe().views, torch.Generator().manual_seed(0)
    kinds = (
        (1 + options.rand_views, options.rand_size, options.rand_scale),
        (options.focal_views, options.focal_size, options.focal_scale),
    )
    return [
        (
            random_boxes(views * pairs, *case.data.image_size, scale, generator),
            random_turns(views * pairs, generator, True, True, True),
            size,
        )
        for views, size, scale in kinds
    ]


def _cut(cutter: ViewCutter, images: Tensor, requests: list[tuple[Tensor, Tensor, int]]) -> list[Tensor]:
    prepared = cutter.prepare(images, "anchor")
    return [
        cutter.cut(prepared, boxes.to(images.device), turns.to(images.device), size) for boxes, turns, size in requests
    ]
