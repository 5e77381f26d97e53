"""Memory that a batch is decoded into, and its way to the device without anyone waiting for it."""

import math
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from cwamsn.live import say

# bytes: where a tensor may begin in a buffer that several share; what buffers are multiples of
ALIGNMENT, PAGE = 256, 4096


class Place(NamedTuple):
    """Where a tensor lies in a flat buffer of bytes."""

    start: int
    dtype: torch.dtype
    shape: tuple[int, ...]

    @property
    def end(self) -> int:
        return self.start + math.prod(self.shape) * self.dtype.itemsize

    def of(self, buffer: Tensor) -> Tensor:
        """The tensor in `buffer`, which must be aligned."""
        return buffer[self.start : self.end].view(self.dtype).view(self.shape)


def places_after(start: int, tensors: Mapping[str, Tensor]) -> dict[str, Place]:
    """Places for `tensors` in one buffer whose first `start` bytes are taken."""
    places = {}
    for name, tensor in tensors.items():
        places[name] = Place(-(-start // ALIGNMENT) * ALIGNMENT, tensor.dtype, tuple(tensor.shape))
        start = places[name].end
    return places


def _whole_pages(size: int) -> int:
    """`size` rounded up, so that a few bytes more in the next batch need no new memory."""
    return -(-size // PAGE) * PAGE


class Slot(Protocol):
    """Memory of one batch. Its methods are called in this order, batch after batch."""

    def place(self, shape: tuple[int, ...], small: Mapping[str, Tensor]) -> np.ndarray:
        """Memory to decode a batch into, uint8 of `shape`, once the last one has left it. In any thread."""
        ...

    def send(self) -> None:
        """The batch has been decoded. In any thread."""
        ...

    def receive(self) -> tuple[Tensor, dict[str, Tensor]]:
        """Images and small tensors on the device, for the work that the caller queues after. The consumer's thread."""
        ...

    def release(self) -> None:
        """All work that reads the batch has been queued. The consumer's thread."""
        ...


class HostSlot:
    """For the CPU: images are used where they were decoded, small tensors as they are."""

    def __init__(self) -> None:
        self._buffer = torch.empty(0, dtype=torch.uint8)

    def place(self, shape: tuple[int, ...], small: Mapping[str, Tensor]) -> np.ndarray:
        size = math.prod(shape)
        if self._buffer.numel() < size:
            self._buffer = torch.empty(size, dtype=torch.uint8)
        self._images, self._small = self._buffer[:size].view(shape), dict(small)
        return self._images.numpy()

    def send(self) -> None:
        pass

    def receive(self) -> tuple[Tensor, dict[str, Tensor]]:
        return self._images, self._small

    def release(self) -> None:
        pass


class Host:
    """Loading for the CPU."""

    def __init__(self) -> None:
        self._waited = 0.0

    def slots(self, count: int) -> Sequence[Slot]:
        return [HostSlot() for _ in range(count)]

    def enter_thread(self) -> None:
        """Called once in each thread that loads."""

    def received(self, slot: Slot, seconds: float) -> None:
        """The consumer has got the batch in `slot` after so many seconds."""
        self._waited += seconds

    def waited(self) -> float:
        """Seconds in which the device had nothing to do but wait for a batch, so far."""
        return self._waited


class Cuda:
    """The calls of CUDA that loading needs; everything else is tested on the CPU with a stand-in for this class."""

    def __init__(self, device: torch.device):
        # "cuda" without a number is the caller's current GPU; other threads have a current GPU of their own
        number = torch.cuda.current_device() if device.index is None else device.index
        self.device = torch.device("cuda", number)
        self.stream = torch.cuda.Stream(self.device)

    def enter_thread(self) -> None:
        torch.cuda.set_device(self.device)

    def pinned(self, size: int) -> Tensor:
        return torch.empty(size, dtype=torch.uint8, pin_memory=True)

    def on_device(self, size: int) -> Tensor:
        with torch.cuda.stream(self.stream):
            return torch.empty(size, dtype=torch.uint8, device=self.device)

    def event(self) -> Any:
        # blocking: a thread that waits for it sleeps
        return torch.cuda.Event(enable_timing=True, blocking=True)

    def copy(self, host: Tensor, device: Tensor, after: Any | None) -> Any:
        """Queue a copy on the loader's own stream, after the event `after`; returns the event of its end."""
        done = self.event()
        with torch.cuda.stream(self.stream):
            if after is not None:
                self.stream.wait_event(after)
            device.copy_(host, non_blocking=True)
            done.record(self.stream)
        return done

    def wait_on_device(self, event: Any, memory: Tensor) -> None:
        """Let what the caller queues from now on wait for `event`, and read `memory`. The host waits for nothing."""
        stream = torch.cuda.current_stream(self.device)
        stream.wait_event(event)
        memory.record_stream(stream)  # its memory is not given away before this work has ended

    def mark(self) -> Any:
        """An event after all that the caller has queued so far."""
        event = self.event()
        event.record(torch.cuda.current_stream(self.device))
        return event


class DeviceSlot:
    """For a GPU: images and small tensors of a batch lie in one pinned buffer and travel in one copy.

    The pinned buffer is written again once the copy out of it has ended: the thread that writes it waits. The buffer on
    the device is written again once the work that read it has ended: the stream of the copies waits. The host is ahead
    of the device by at most twice the ring.
    """

    def __init__(self, gpu: "Device"):
        self._gpu = gpu
        self._host = self._device = torch.empty(0, dtype=torch.uint8)
        self._size = 0
        self.copied: Any | None = None
        self.released: Any | None = None

    def place(self, shape: tuple[int, ...], small: Mapping[str, Tensor]) -> np.ndarray:
        if self.copied is not None:
            self.copied.synchronize()
        images = Place(0, torch.uint8, shape)
        self._places = places_after(images.end, small)
        self._size = max(place.end for place in (images, *self._places.values()))
        if self._host.numel() < self._size:
            self._host = self._host[:0].clone()  # given back before more is taken
            self._host = self._gpu.host_memory(_whole_pages(self._size))
        for name, place in self._places.items():
            place.of(self._host).copy_(small[name])
        self._images = images
        return images.of(self._host).numpy()

    def send(self) -> None:
        if self._device.numel() < self._size:
            self._device = self._device[:0].clone()
            self._device = self._gpu.calls.on_device(_whole_pages(self._size))
        host, device = self._host[: self._size], self._device[: self._size]
        self.copied = self._gpu.calls.copy(host, device, after=self.released)

    def receive(self) -> tuple[Tensor, dict[str, Tensor]]:
        self._gpu.calls.wait_on_device(self.copied, self._device)
        return self._images.of(self._device), {name: place.of(self._device) for name, place in self._places.items()}

    def release(self) -> None:
        self.released = self._gpu.released = self._gpu.calls.mark()


class Device:
    """Loading for a GPU; `calls` is :class:`Cuda`, or a stand-in in tests."""

    def __init__(self, calls: Any):
        self.calls, self.released = calls, None
        self._pins = True
        self._waited = 0.0
        # ends of the work before a batch, and of the copy of the batch, until both have come
        self._waits: deque[tuple[Any, Any]] = deque()

    def slots(self, count: int) -> Sequence[Slot]:
        return [DeviceSlot(self) for _ in range(count)]

    def enter_thread(self) -> None:
        self.calls.enter_thread()

    def host_memory(self, size: int) -> Tensor:
        """Pinned memory of `size` bytes; where the system gives no more of it, plain memory, with a line that says so.

        Copies out of plain memory are slower, and the thread that starts one waits for it.
        """
        if self._pins:
            try:
                return self.calls.pinned(size)
            except RuntimeError as error:
                self._pins = False
                reason = str(error).partition("\n")[0]
                say(
                    f"no pinned memory for a batch of {size / 2**20:.0f} MB ({reason}): batches are copied from plain "
                    "memory, which is slower; raise the limit of locked memory (ulimit -l), or lower loader_depth"
                )
        return torch.empty(size, dtype=torch.uint8)

    def received(self, slot: Slot, seconds: float) -> None:
        """The consumer has got the batch in `slot`. What it waited as a thread says little of the device."""
        if self.released is not None and isinstance(slot, DeviceSlot):
            self._waits.append((self.released, slot.copied))
        self.waited()

    def waited(self) -> float:
        """Seconds in which the device had nothing to do but wait for a batch, as far as it has come: from the end of
        the work before a batch to the end of the batch's copy. Nothing here waits for the device."""
        while self._waits and all(event.query() for event in self._waits[0]):
            before, copied = self._waits.popleft()
            self._waited += max(0.0, before.elapsed_time(copied)) / 1000
        return self._waited


def memory_for(device: torch.device) -> Host | Device:
    """What loading for `device` needs: plain memory for the CPU, pinned memory and a stream of its own for CUDA."""
    return Device(Cuda(device)) if device.type == "cuda" else Host()
