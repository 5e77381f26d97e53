"""CUDA graphs: the kernels of a computation recorded once, and queued by one call from then on.

A step of a small transformer is some two thousand kernels. The interpreter needs longer to queue them one by one than a
large GPU needs to compute them, and the threads that load batches take the interpreter from it meanwhile.
"""

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor

from cwamsn.live import say

WARM = 3  # calls before the recording: libraries choose their kernels, and caches on the device are filled
T = TypeVar("T")


def record(compute: Callable[[], T], device: torch.device) -> tuple[T, Callable[[], None]]:
    """What `compute` returns, and a function that computes it again, from the same memory into the same memory.

    `compute` is called four times, and has no result before the function is called. It must not wait for the device,
    nor depend on anything that changes but the content of tensors. Other threads may use the device meanwhile.
    """
    stream = torch.cuda.Stream(device)
    stream.wait_stream(torch.cuda.current_stream(device))
    with torch.cuda.stream(stream):
        for _ in range(WARM):
            compute()
    torch.cuda.current_stream(device).wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, capture_error_mode="thread_local"):
        result = compute()
    return result, graph.replay


def say_unrecorded(key: str, error: RuntimeError) -> None:
    """The line for a computation that cannot be recorded and is queued kernel by kernel."""
    reason = str(error).strip().partition("\n")[0][:200]
    say(
        f"{key}: the kernels cannot be recorded as a CUDA graph ({reason}); they are queued one by one, which is slower"
    )


class RepeatedForward:
    """A function of one tensor that is recorded at its first call, for the shape that it is then called with.

    Tensors of any other shape, and all where recording fails, go through the function itself. The result is valid until
    the next call.
    """

    def __init__(self, function: Callable[[Tensor], Tensor], key: str):
        self.function, self.key = function, key
        self._input: Tensor | None = None
        self._result: Tensor | None = None
        self._replay: Callable[[], None] | None = None

    def __call__(self, x: Tensor) -> Tensor:
        if self._input is None:
            self._record(x)
        if self._replay is None or self._input is None or self._result is None or x.shape != self._input.shape:
            return self.function(x)
        self._input.copy_(x)
        self._replay()
        return self._result

    def _record(self, x: Tensor) -> None:
        kept = self._input = x.clone()
        try:
            self._result, self._replay = record(lambda: self.function(kept), x.device)
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            say_unrecorded(self.key, error)
