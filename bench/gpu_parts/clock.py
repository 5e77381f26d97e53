"""Time on a device: by pairs of events, with a synchronisation only where a measurement ends."""

import statistics
import time
from collections.abc import Callable

import torch


def synchronise(device: torch.device) -> None:
    """Wait for what the device has been given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def elapsed(call: Callable[[], object], times: int, device: torch.device) -> float:
    """Seconds that `times` calls take, one after the other, the device's work included."""
    synchronise(device)
    if device.type != "cuda":
        start = time.perf_counter()
        for _ in range(times):
            call()
        return time.perf_counter() - start
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    begin.record()
    for _ in range(times):
        call()
    end.record()
    end.synchronize()
    return begin.elapsed_time(end) / 1000


def per_call(call: Callable[[], object], device: torch.device, seconds: float, rounds: int = 3, warm: int = 2) -> float:
    """Seconds per call: the median of `rounds` measurements of about `seconds` in all, after `warm` calls."""
    for _ in range(warm):
        call()
    once = elapsed(call, 1, device)
    times = max(1, int(seconds / rounds / max(once, 1e-6)))
    return statistics.median(elapsed(call, times, device) / times for _ in range(rounds))


def host_seconds(call: Callable[[], object], device: torch.device, repeats: int = 7) -> float:
    """Seconds in which this thread gives the device the work of one call: median, each from an empty queue."""
    times = []
    for _ in range(repeats):
        synchronise(device)
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    synchronise(device)
    return statistics.median(times)
