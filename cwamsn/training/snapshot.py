"""A copy of a training's state in host memory, taken between two steps while the device computes on."""

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

State = dict[str, Any]  # nested dictionaries of tensors and plain values, as torch saves them


class HostCopy:
    """One copy of a state, in the same memory each time: the copy before must no longer be read when one is taken."""

    def __init__(self) -> None:
        self._kept: dict[tuple[object, ...], Tensor] = {}
        self._streams: set[torch.cuda.Stream] = set()

    def take(self, state: State) -> tuple[State, Callable[[], None]]:
        """A copy of `state`, and a function that waits until it is complete.

        Tensors on a GPU are copied by its current stream to page-locked memory: after the work that was given to the
        stream before, ahead of what is given to it from now on. The caller does not wait.
        """
        self._streams.clear()
        copied = self._copy(state, ())
        events = [stream.record_event() for stream in self._streams]

        def wait() -> None:
            for event in events:
                event.synchronize()

        return copied, wait

    def _copy(self, value: Any, where: tuple[object, ...]) -> Any:
        if isinstance(value, Tensor):
            return self._copy_tensor(value.detach(), where)
        if isinstance(value, dict):
            copied = copy.copy(value)  # with the attributes of a module's state
            copied.update((key, self._copy(item, (*where, key))) for key, item in value.items())
            return copied
        if isinstance(value, list):
            return [self._copy(item, (*where, i)) for i, item in enumerate(value)]
        return value

    def _copy_tensor(self, value: Tensor, where: tuple[object, ...]) -> Tensor:
        kept = self._kept.get(where)
        if kept is None or kept.dtype != value.dtype or kept.shape != value.shape:
            kept = self._kept[where] = _like(value)
        if value.is_cuda:
            self._streams.add(torch.cuda.current_stream(value.device))
        return kept.copy_(value, non_blocking=True)


def _like(value: Tensor) -> Tensor:
    """Memory for a copy, page-locked for what comes from a GPU where the system grants that."""
    try:
        return torch.empty_like(value, device="cpu", pin_memory=value.is_cuda)
    except RuntimeError:  # too little page-locked memory: the copy is the same, but is waited for
        return torch.empty_like(value, device="cpu")
