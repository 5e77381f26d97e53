"""Batches of a crop store that are loaded while the ones before are in use."""

import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from types import TracebackType
from typing import NamedTuple, Self

import numpy as np
import torch
from torch import Tensor

from cwamsn.crops import CropStore
from cwamsn.errors import InputError
from cwamsn.loading.buffers import Device, Host, Slot, memory_for


class Request(NamedTuple):
    """What a batch shall hold."""

    crops: np.ndarray
    """(n,) positions in the crops table, all of one size."""
    small: dict[str, Tensor]
    """CPU tensors that travel with the images: boxes, masks, codes."""
    note: object
    """Whatever the one who asks wants back with the batch."""


class Loaded(NamedTuple):
    """A batch on the device. Valid until the next one is asked for: then its memory is used again."""

    images: Tensor
    """uint8 (n, C, H, W)."""
    small: dict[str, Tensor]
    """Those of the request."""
    note: object
    """That of the request."""


def load_ahead(
    store: CropStore, requests: Iterator[Request], device: torch.device, *, threads: int, depth: int
) -> "Ahead":
    """The batches of `requests`, in their order, whatever the number of threads.

    Parameters
    ----------
    store : where the crops are.
    requests : is advanced in one of the threads, and by one thread at a time, as far ahead as the ring has room; so
        what it draws is drawn there as well.
    device : where the batches go. On CUDA through pinned memory on a stream of their own: whatever the consumer queues
        on its current stream waits for them there, the consumer itself does not.
    threads : decode the crops of a batch together; 0 loads each batch when it is asked for, in the caller's thread.
    depth : batches that are ready or on their way while one is in use. Memory for `depth` + 1 batches is taken, on the
        host and on a GPU.

    Returns
    -------
    Ahead
        An iterator; to be closed, also by `with`, where it is left before its end.

    Raises
    ------
    InputError
        `threads` or `depth` is too small.
    BaseException
        From the iterator, in place of the batch at which it came: whatever `requests` raised, and the `InputError` of
        crops that differ in size or are damaged.
    """
    for key, value, least in (("loader_threads", threads, 0), ("loader_depth", depth, 1)):
        if value < least:  # without this, a consumer would wait for threads that there are none of
            raise InputError(f"{key}: {value} is too small; give {least} or more")
    return Ahead(store, requests, memory_for(device), threads=threads, depth=depth)


class _Batch:
    """A batch on its way."""

    def __init__(self, slot: Slot):
        self.slot = slot
        self.request: Request | None = None
        self.images = np.empty(0, np.uint8)
        self.left = 0  # slices that have not been decoded
        self.error: BaseException | None = None
        self.error_at = 0  # the first crop of the slice that raised it
        self.ready = False

    def fail(self, error: BaseException, at: int) -> None:
        """Keep the error that a single thread would have met first."""
        if self.error is None or at < self.error_at:
            self.error, self.error_at = error, at


class _Work:
    """What the threads share. Batches are drawn one after the other, and their slices are decoded in that order."""

    def __init__(self, store: CropStore, requests: Iterator[Request], memory: Host | Device, threads: int, slots: int):
        self.store, self.requests, self.memory, self.threads = store, requests, memory, threads
        self.changed = threading.Condition()
        self.free = deque(memory.slots(slots))
        self.batches: deque[_Batch] = deque()  # drawn and not handed over, in order
        self.slices: deque[tuple[_Batch, int, int]] = deque()
        self.drawing = self.ended = self.closed = False
        self.broken: BaseException | None = None
        self.crops, self.seconds = 0, 0.0  # decoded, and the threads' time for it, all added up

    def run(self) -> None:
        """What a thread does."""
        try:
            self.memory.enter_thread()
            while task := self._next_task():
                task()
        except BaseException as error:  # a consumer that waits for a thread that died waits for ever
            with self.changed:
                self.broken = self.broken or error
                self.changed.notify_all()

    def _next_task(self) -> Callable[[], None] | None:
        with self.changed:
            while not self.closed:
                short = len(self.slices) < self.threads
                if short and self.free and not (self.drawing or self.ended):
                    self.drawing = True
                    return partial(self.draw, self.free.popleft())
                if self.slices:
                    return partial(self.decode, *self.slices.popleft())
                if self.ended:
                    break
                self.changed.wait()
        return None

    def draw(self, slot: Slot) -> None:
        """Take the next request, and make room for it."""
        batch = _Batch(slot)
        try:
            batch.request = next(self.requests, None)
            if batch.request is not None:
                shape = self.store.batch_shape(batch.request.crops)
                batch.images = slot.place(shape, batch.request.small)
        except BaseException as error:  # raised again by whoever asks for the batch
            batch.fail(error, 0)
        with self.changed:
            self.drawing = False
            self.ended = batch.request is None or batch.error is not None
            if batch.error is not None:
                batch.ready = True
                self.batches.append(batch)
            elif batch.request is not None:
                self.batches.append(batch)
                # small slices, so that all threads end together
                step = max(1, len(batch.images) // (4 * max(1, self.threads)))
                starts = range(0, len(batch.images), step)
                batch.left = len(starts)
                self.slices += [(batch, start, start + step) for start in starts]
            self.changed.notify_all()

    def decode(self, batch: _Batch, start: int, stop: int) -> None:
        """Decode some crops of a batch; with the last of them the batch is sent."""
        began, error, request = time.perf_counter(), None, batch.request
        assert request is not None  # drawn before
        crops = request.crops[start:stop]
        if batch.error is None or start < batch.error_at:
            try:
                self.store.load_batch(crops, out=batch.images[start:stop])
            except BaseException as raised:  # raised again by whoever asks for the batch
                error = raised
        with self.changed:
            self.crops, self.seconds = self.crops + len(crops), self.seconds + time.perf_counter() - began
            batch.left -= 1
            if error is not None:
                batch.fail(error, start)
            if batch.left:
                return
        if batch.error is None:
            try:
                batch.slot.send()
            except BaseException as raised:  # as above
                batch.fail(raised, 0)
        with self.changed:
            batch.ready = True
            self.changed.notify_all()

    def stop(self) -> None:
        """Let the threads end after what they are at."""
        with self.changed:
            self.closed = True
            self.changed.notify_all()


class Ahead(Iterator[Loaded]):
    """See :func:`load_ahead`."""

    def __init__(
        self, store: CropStore, requests: Iterator[Request], memory: Host | Device, *, threads: int, depth: int
    ):
        self.store, self.memory, self.threads = store, memory, threads
        self._used: Slot | None = None
        ring = max(1, depth) + 1
        self._work = _Work(store, requests, memory, threads, slots=ring if threads or isinstance(memory, Device) else 1)
        # a loader that nobody holds any more, and the end of the interpreter, end the threads
        self._finalizer = weakref.finalize(self, self._work.stop)
        self._threads = [
            threading.Thread(target=self._work.run, name=f"loader-{number}", daemon=True) for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Loaded:
        self._release()
        began, work, batch = time.perf_counter(), self._work, None
        if not self.threads and not (work.closed or work.ended):
            work.draw(work.free.popleft())
            while work.slices:
                work.decode(*work.slices.popleft())
        with work.changed:
            while not (work.closed or work.broken or (work.batches[0].ready if work.batches else work.ended)):
                work.changed.wait()
            if work.broken is None and not work.closed and work.batches:
                batch = work.batches.popleft()
        if work.broken is not None:
            self.close()
            raise work.broken
        if batch is None:
            self.close()
            raise StopIteration
        if batch.error is not None:
            self.close()
            raise batch.error
        self._used = batch.slot
        images, small = batch.slot.receive()
        self.memory.received(batch.slot, time.perf_counter() - began)
        assert batch.request is not None  # a batch without error has one
        return Loaded(images, small, batch.request.note)

    def _release(self) -> None:
        """The batch before is no longer in use."""
        if self._used is not None:
            self._used.release()
            with self._work.changed:
                self._work.free.append(self._used)
                self._work.changed.notify_all()
            self._used = None

    def waited(self) -> float:
        """Seconds so far in which the device had nothing to do but wait for a batch."""
        return self.memory.waited()

    def rate(self) -> float:
        """Crops per second that the threads decode where nothing holds them up."""
        return self._work.crops / max(self._work.seconds, 1e-9) * max(1, self.threads)

    def close(self) -> None:
        """End the threads, each after what it is at, and the requests."""
        self._work.stop()
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join()
        if close := getattr(self._work.requests, "close", None):
            close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
