"""A device whose streams run only when they are told to, to test the order of copies and work without a GPU."""

import threading
from collections import deque

import torch


class Event:
    def __init__(self, device):
        self.device, self.time = device, None
        self.recorded = False

    def query(self):
        return self.time is not None

    def synchronize(self):
        """The host waits: the device goes on until this event has come."""
        assert self.recorded
        while not self.query():
            self.device.advance()

    def elapsed_time(self, other):
        assert self.query() and other.query()
        return 1000 * (other.time - self.time)


class FakeCuda:
    """In place of :class:`cwamsn.loading.buffers.Cuda`. Each stream is a queue; `clock` counts what was run."""

    def __init__(self, pinned_bytes=1 << 40):
        self.device, self.lock = torch.device("cpu"), threading.RLock()
        self.copies, self.work = deque(), deque()
        self.clock, self.cost, self.left = 0.0, {"copy": 1.0, "work": 1.0}, pinned_bytes
        self.entered, self.allocated, self.recorded = set(), [], []
        self.slow_copies = False

    def enter_thread(self):
        self.entered.add(threading.current_thread().name)

    def pinned(self, size):
        with self.lock:
            self.left -= size
            if self.left < 0:
                raise RuntimeError("CUDA error: out of memory\nCUDA kernel errors might be reported later")
            self.allocated.append(size)
            return torch.zeros(size, dtype=torch.uint8)

    def on_device(self, size):
        return torch.full((size,), 255, dtype=torch.uint8)

    def event(self):
        return Event(self)

    def queue(self, stream, what, call=None, event=None):
        with self.lock:
            (self.copies if stream == "copy" else self.work).append((what, call, event))

    def copy(self, host, device, after):
        done = self.event()
        with self.lock:
            if after is not None:
                self.queue("copy", "wait", event=after)
            self.queue("copy", "run", call=lambda: device.copy_(host))
            self.queue("copy", "record", event=done)
            done.recorded = True
        return done

    def wait_on_device(self, event, memory):
        self.queue("work", "wait", event=event)
        self.recorded.append(memory.data_ptr())

    def mark(self):
        event = self.event()
        event.recorded = True
        self.queue("work", "record", event=event)
        return event

    def launch(self, call):
        """Queue work on the consumer's stream."""
        self.queue("work", "run", call=call)

    def advance(self):
        """Run what comes next on one of the streams: the work first, so that copies are as late as they can be."""
        with self.lock:
            order = (("work", self.work), ("copy", self.copies))
            for name, stream in order if self.slow_copies else reversed(order):
                if stream and not (stream[0][0] == "wait" and not stream[0][2].query()):
                    what, call, event = stream.popleft()
                    if what == "run":
                        self.clock += self.cost[name]
                        call()
                    elif what == "record":
                        event.time = self.clock
                    return
            raise AssertionError("the streams wait for each other")

    def finish(self):
        with self.lock:
            while self.work or self.copies:
                self.advance()
