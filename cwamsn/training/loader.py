"""Batches as images on the training device, step after step."""

from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from cwamsn.errors import InputError
from cwamsn.models import world
from cwamsn.training.data import TrainingData
from cwamsn.training.sampler import Pairs, PairSampler


class PairImages(NamedTuple):
    """The pairs of one step, and the images of this process's share of them."""

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


class PairLoader:
    """Draws pairs and loads this process's share of their images.

    Raises
    ------
    InputError
        The batch does not divide over the processes.
    """

    def __init__(self, data: TrainingData, sampler: PairSampler, device: torch.device):
        rank, size = world()
        if sampler.batch_size % size:
            raise InputError(f"training.batch_size: {sampler.batch_size} does not divide over {size} processes")
        own = sampler.batch_size // size
        self.share = slice(own * rank, own * (rank + 1))
        self.store, self.sampler, self.device = data.store, sampler, device
        self.crops = data.crops["crop"].to_numpy()

    def steps(self, first: int, last: int) -> Iterator[PairImages]:
        """Steps `first` to `last` - 1, epoch after epoch."""
        for step, pairs in _numbered(self.sampler, first, last):
            yield PairImages(step, pairs, self.share, *self._load(pairs))

    def _load(self, pairs: Pairs) -> tuple[Tensor, Tensor]:
        anchor, target = (self.crops[x[self.share]] for x in (pairs.anchor, pairs.target))
        same = (anchor == target).all()
        images = torch.from_numpy(self.store.load_batch(anchor if same else np.concatenate([anchor, target])))
        images = images.to(self.device, non_blocking=True)
        if same:
            return images, images
        return images[: len(anchor)], images[len(anchor) :]


def _numbered(sampler: PairSampler, first: int, last: int) -> Iterator[tuple[int, Pairs]]:
    step = first
    while step < last:
        epoch, skipped = divmod(step, len(sampler))
        for pairs in islice(sampler.epoch(epoch), skipped, None):
            if step == last:
                return
            yield step, pairs
            step += 1
