"""Batches as images on the training device, step after step."""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import NamedTuple, Self

import numpy as np
import torch
from torch import Tensor

from cwamsn.errors import InputError
from cwamsn.live import say
from cwamsn.loading import Ahead, Request, load_ahead
from cwamsn.models import is_main, world
from cwamsn.training.data import TrainingData
from cwamsn.training.sampler import Pairs, PairSampler


class Drawn(NamedTuple):
    """What is drawn for a step before its images are there: boxes, turns, masks."""

    small: dict[str, Tensor]
    """On the CPU until it has travelled with the images."""
    generator: torch.Generator
    """Where the draws have left it."""


Draw = Callable[[int, Pairs, slice], Drawn]
"""(step, pairs of the whole batch, this process's share) -> what is drawn. Called in a thread of the loader."""


class PairImages(NamedTuple):
    """The pairs of one step, the images of this process's share of them, and what was drawn for the step."""

    step: int
    """Number of the step, counted from 0."""
    pairs: Pairs
    """The whole batch, of all processes."""
    share: slice
    """Which of the pairs are this process's."""
    anchor: Tensor
    """uint8 (B, C, H, W), on the training device."""
    target: Tensor
    """Like `anchor`; the same tensor where every target image is its anchor's own."""
    drawn: Drawn
    """Its tensors on the training device."""


class PairLoader:
    """Draws pairs and loads this process's share of their images.

    Parameters
    ----------
    data, sampler : crops, and the pairs of each step.
    device : where the images go.
    draw : what else is drawn for a step.

    Raises
    ------
    InputError
        The batch does not divide over the processes.
    """

    def __init__(self, data: TrainingData, sampler: PairSampler, device: torch.device, draw: Draw):
        rank, size = world()
        if sampler.batch_size % size:
            raise InputError(f"training.batch_size: {sampler.batch_size} does not divide over {size} processes")
        own = sampler.batch_size // size
        self.share = slice(own * rank, own * (rank + 1))
        self.store, self.sampler, self.device, self.draw = data.store, sampler, device, draw
        self.crops = data.crops["crop"].to_numpy()

    def steps(self, first: int, last: int, *, threads: int = 0, depth: int = 3) -> "Steps":
        """Steps `first` to `last` - 1, epoch after epoch.

        threads, depth : as of :func:`cwamsn.loading.load_ahead`; the steps are the same with any.
        """
        requests = self._requests(first, last)
        return Steps(load_ahead(self.store, requests, self.device, threads=threads, depth=depth), self.share)

    def _requests(self, first: int, last: int) -> Iterator[Request]:
        for step, pairs in _numbered(self.sampler, first, last):
            anchor, target = (self.crops[x[self.share]] for x in (pairs.anchor, pairs.target))
            same = bool((anchor == target).all())
            drawn = self.draw(step, pairs, self.share)
            crops = anchor if same else np.concatenate([anchor, target])
            yield Request(crops, drawn.small, _Note(step, pairs, same, drawn.generator))


class _Note(NamedTuple):
    step: int
    pairs: Pairs
    same: bool  # every target image is its anchor's own
    generator: torch.Generator


class Steps(Iterator[PairImages]):
    """The batches of :meth:`PairLoader.steps`. Each is valid until the next is asked for."""

    def __init__(self, ahead: Ahead, share: slice):
        self.ahead, self.share = ahead, share

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> PairImages:
        images, small, note = next(self.ahead)
        assert isinstance(note, _Note)  # that of the request
        own = self.share.stop - self.share.start
        anchor = images[:own]
        target = anchor if note.same else images[own:]
        return PairImages(note.step, note.pairs, self.share, anchor, target, Drawn(small, note.generator))

    def close(self) -> None:
        """End the loader's threads."""
        self.ahead.close()


class LoaderLimit:
    """Says once that a training waits for its batches, and what helps.

    Without threads of the loader all loading is waiting, of which small networks have their share on any disk: there
    it is said where it is more than half of the time.
    """

    def __init__(self, ahead: Ahead):
        self.ahead, self.most, self._windows = ahead, 0.2 if ahead.threads else 0.5, 0

    def look_at(self, waiting: float) -> None:
        """waiting : share of a window's time in which the training waited. Called once per window of the log; the first
        window does not count, since its ring began empty."""
        self._windows += 1
        if self._windows == 1 or waiting <= self.most or not is_main():
            return
        self.most = 1.0
        rate, threads = self.ahead.rate(), self.ahead.threads
        say(
            f"loading is the limit: {waiting:.0%} of the time the training waits for batches, of which "
            f"{threads or 'no'} loader thread(s) make {rate:,.0f} fields per second "
            f"({rate * self.ahead.store.bytes_per_crop / 1e6:,.0f} MB/s of the crop store); more "
            "training.loader_threads help where processors are idle, crops on a local disk or crops.codec: zstd where "
            "the disk is slow (docs/scale.md)"
        )


def _numbered(sampler: PairSampler, first: int, last: int) -> Iterator[tuple[int, Pairs]]:
    step = first
    while step < last:
        epoch, skipped = divmod(step, len(sampler))
        for pairs in islice(sampler.epoch(epoch), skipped, None):
            if step == last:
                return
            yield step, pairs
            step += 1
