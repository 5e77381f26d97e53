"""Signals that ask a training to stop: Ctrl-C, SIGTERM, a closed terminal. It ends after its step, to keep its work."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def stop_requests() -> Iterator[Callable[[], int | None]]:
    """Yield a function that returns the number of the signal that was received, or None.

    A second signal acts as it did before. A signal that was ignored stays so. Only the main thread can receive signals;
    in any other, nothing is changed.
    """
    received: list[int] = []
    before: dict[signal.Signals, Any] = {}  # handlers, as the standard library types them

    def remember(number: int, frame: FrameType | None) -> None:
        received.append(number)
        restore()

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    if threading.current_thread() is threading.main_thread():
        before = {n: h for n in _SIGNALS if (h := signal.getsignal(n)) not in (None, signal.SIG_IGN)}
        for number in before:
            signal.signal(number, remember)
    try:
        yield lambda: received[0] if received else None
    finally:
        restore()


def stop(number: int) -> None:
    """Do what the signal would have done: KeyboardInterrupt for Ctrl-C, else SystemExit."""
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    raise SystemExit(128 + number)
