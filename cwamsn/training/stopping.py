"""Signals that ask a training to stop: it ends after its step, all processes after the same one, to keep its work.

Ctrl-C, SIGTERM (a scheduler's preemption or time limit), a closed terminal, and SIGUSR1, which SLURM sends ahead of a
job's time limit (`--signal=USR1@120`).
"""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any, Self

import torch
import torch.distributed as dist

from cwamsn.models import world

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)
# A signal may come twice for one reason: to a process and to its group, from a scheduler and from a parent.
REPEAT_SECONDS = 2.0
Requested = Callable[[], int | None]

_stopping = threading.Event()


def is_stopping() -> bool:
    """Whether this process was asked to stop and is ending by itself."""
    return _stopping.is_set()


@contextmanager
def stop_requests(then: Callable[[int], None] | None = None, *, insist: bool = True) -> Iterator[Requested]:
    """Yield a function that returns the number of the signal that was received, or None.

    A second signal acts as it did before, unless it comes within two seconds and is no Ctrl-C. A signal that was
    ignored stays so, but for SIGUSR1: Snakemake's own process in a SLURM job ignores it, and its training must not.
    Only the main thread can receive signals; in any other, nothing is changed.

    then : called with the first signal's number, within the signal's handler.
    insist : False where whoever sends signals waits for this process and ends it: none after the first does anything.
    """
    received: list[tuple[int, float]] = []
    before: dict[signal.Signals, Any] = {}  # handlers, as the standard library types them

    def remember(number: int, frame: FrameType | None) -> None:
        if not received:
            received.append((number, time.monotonic()))
            _stopping.set()
            if then:
                then(number)
        elif insist and (number == signal.SIGINT or time.monotonic() - received[0][1] > REPEAT_SECONDS):
            restore()
            signal.raise_signal(number)

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    if threading.current_thread() is threading.main_thread():
        found = {number: signal.getsignal(number) for number in SIGNALS}
        obeyed = {number: h for number, h in found.items() if h is not signal.SIG_IGN or number == signal.SIGUSR1}
        before = {number: handler for number, handler in obeyed.items() if handler is not None}
        for number in before:
            signal.signal(number, remember)
    try:
        yield lambda: received[0][0] if received else None
    finally:
        restore()
        _stopping.clear()


class SameStep:
    """Lets all processes of a training stop after the same step, whichever of them was asked to.

    Called once per step, by every process. Each call takes the result of the exchange that the call before began, and
    begins the next: the largest of the signal numbers that the processes have received. So no process waits for
    another, and all take the same answer at the same step. The exchange has a gloo group of its own, on the hosts: it
    does not wait for a device, nor stand in the way of the gradients.
    """

    def __init__(self, requested: Requested):
        self._requested = requested
        self._group: Any = dist.new_group(backend="gloo") if world()[1] > 1 else None
        self._begun: tuple[torch.Tensor, Any] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if error is None:
            self._agreed()

    def __call__(self) -> int | None:
        """Number of the signal to stop for after this step, or None."""
        if self._group is None:
            return self._requested()
        if not (number := self._agreed()):
            mine = torch.tensor(self._requested() or 0)
            self._begun = mine, dist.all_reduce(mine, dist.ReduceOp.MAX, group=self._group, async_op=True)
        return number or None

    def _agreed(self) -> int:
        if self._begun is None:
            return 0
        numbers, exchange = self._begun
        exchange.wait()
        self._begun = None
        return int(numbers)

    def together(self) -> None:
        """Return once every process is here: none leaves while another writes."""
        if self._group is not None:
            dist.barrier(group=self._group)


def stop(number: int) -> None:
    """Do what the signal would have done: KeyboardInterrupt for Ctrl-C, else SystemExit."""
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    raise SystemExit(128 + number)
