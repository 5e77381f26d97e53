"""A training step's networks as one CUDA graph: forward pass, loss and backward pass."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import torch
from torch import Tensor, nn

from cwamsn.models import record, say_unrecorded
from cwamsn.training.batch import Batch, Group

Numbers = dict[str, Tensor]
Compute = Callable[[Batch], Numbers]


class RecordedStep:
    """What `compute` does with a batch, recorded at its first call.

    Parameters
    ----------
    compute : loss and numbers of a batch, and the gradients of `model` in place of those of before. Where it cannot be
        recorded it is called as it is, after a line that says so.
    model : its buffers and the device's random numbers are after the recording what they were before.
    """

    def __init__(self, compute: Compute, model: nn.Module, device: torch.device):
        self.compute, self.model, self.device = compute, model, device
        self._batch: Batch | None = None
        self._numbers: Numbers = {}
        self._replay: Callable[[], None] | None = None

    def __call__(self, batch: Batch) -> Numbers:
        """The numbers, valid until the next call; the gradients stay in the same memory."""
        if self._batch is None:
            self._record(batch)
        if self._replay is None or self._batch is None:
            return self.compute(batch)
        for kept, new in zip(_tensors(self._batch), _tensors(batch), strict=True):
            kept.copy_(new)
        self._replay()
        return dict(self._numbers)

    def _record(self, batch: Batch) -> None:
        kept = self._batch = _clone(batch)
        buffers = [(buffer, buffer.clone()) for buffer in self.model.buffers()]
        drawn = torch.cuda.get_rng_state(self.device) if self.device.type == "cuda" else None
        host = batch.generator.get_state(), torch.get_rng_state()
        try:
            numbers, replay = record(lambda: self.compute(kept), self.device)
            if not (torch.equal(batch.generator.get_state(), host[0]) and torch.equal(torch.get_rng_state(), host[1])):
                raise RuntimeError("the objective draws on the CPU, which a replay would not repeat; see its `draw`")
            self._numbers, self._replay = numbers, replay
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            say_unrecorded("training.cuda_graph", error)
        batch.generator.set_state(host[0])
        torch.set_rng_state(host[1])
        for buffer, before in buffers:
            buffer.copy_(before)
        if drawn is not None:
            torch.cuda.set_rng_state(drawn, self.device)


def _clone(batch: Batch) -> Batch:
    anchors = [Group(g.images.clone(), *(None if x is None else x.clone() for x in g[1:])) for g in batch.anchors]
    drawn = {name: tensor.clone() for name, tensor in batch.drawn.items()}
    target, codes = batch.target.clone(), batch.perturbation.clone()
    return replace(batch, anchors=anchors, target=target, perturbation=codes, drawn=drawn)


def _tensors(batch: Batch) -> Iterator[Tensor]:
    """All tensors of a batch, always in the same order."""
    for group in batch.anchors:
        yield from (x for x in group if x is not None)
    yield batch.target
    yield batch.perturbation
    yield from batch.drawn.values()
