"""Progress of jobs that take minutes or hours: a line now and then, in the log and on the terminal.

Several jobs share one terminal, so each line is complete, names its job and is never overwritten.
"""

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, TypeVar

# The terminal of the workflow's user and the name of the job, set by workflow_scripts/_job.py. Environment variables,
# since a job's own processes inherit them.
TERMINAL, JOB = "CWAMSN_TERMINAL", "CWAMSN_JOB"

T = TypeVar("T")
Counter = Callable[[int, int], None]
_COUNTER: ContextVar[Counter | None] = ContextVar("counter", default=None)


def terminal_of(stream: Any) -> str | None:
    """Path of the terminal that `stream` writes to; None if it is not a terminal."""
    try:
        return os.ttyname(stream.fileno()) if stream.isatty() else None
    except (OSError, ValueError, AttributeError):
        return None


def say(text: str) -> None:
    """One line to standard output, which is a job's log, and to the user's terminal if there is one."""
    print(text, flush=True)
    if path := os.environ.get(TERMINAL):
        name = os.environ.get(JOB)
        try:
            with Path(path).open("a") as terminal:
                terminal.write(f"{name}: {text}\n" if name else f"{text}\n")
        except OSError:  # the terminal has been closed
            os.environ.pop(TERMINAL)


class Pace:
    """Says how far a loop has come: the first time after `first` seconds, then every `every` seconds.

    total: what the loop counts to; done: where it begins; unit: what it counts.
    """

    def __init__(
        self,
        total: int,
        done: int = 0,
        unit: str = "step",
        first: float = 5,
        every: float = 30,
        clock: Callable[[], float] = time.monotonic,
    ):
        self.total, self.begun, self.unit, self.every, self.clock = total, done, unit, every, clock
        self.start = self.last = clock()
        self.due = self.start + first
        self.images = 0

    def __call__(self, done: int, images: int, numbers: Mapping[str, float] | None = None) -> None:
        """Report that `done` of the loop are done, with `images` seen since the last call and `numbers` to show."""
        self.images += images
        now = self.clock()
        if now < self.due or done >= self.total:
            return
        left = (now - self.start) / max(done - self.begun, 1) * (self.total - done)
        parts = [f"{self.unit} {done} of {self.total}"]
        parts += [f"{name} {value:.4g}" for name, value in (numbers or {}).items()]
        parts += [f"{self.images / max(now - self.last, 1e-9):.3g} images per second", f"{duration(left)} left"]
        say(", ".join(parts))
        self.last, self.due, self.images = now, now + self.every, 0


def duration(seconds: float) -> str:
    """`40 s`, `12 min`, `3 h 20 min`."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def show_on(stream: Any, job: str) -> None:
    """From now on :func:`say` of this process and its children reaches the terminal of `stream`, as `job`."""
    os.environ[JOB] = job
    if path := terminal_of(stream):
        os.environ[TERMINAL] = path
    else:
        os.environ.pop(TERMINAL, None)


@contextmanager
def counted_by(counter: Counter) -> Iterator[None]:
    """Meanwhile, loops that :func:`counted` wraps call `counter(done, total)` after each of their items."""
    token = _COUNTER.set(counter)
    try:
        yield
    finally:
        _COUNTER.reset(token)


def is_counted() -> bool:
    """Whether somebody counts, see :func:`counted_by`."""
    return _COUNTER.get() is not None


def counted(items: Iterable[T], total: int) -> Iterator[T]:
    """`items`, and a call of the counter, if there is one, once the loop is done with each."""
    counter = _COUNTER.get()
    for done, item in enumerate(items, 1):
        yield item
        if counter:
            counter(done, total)
