"""Which share of the time the device computes, by the profiler's record of its kernels and copies."""

import time
from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch.autograd import DeviceType
from torch.profiler import ProfilerActivity, profile

from bench.gpu_parts.case import Case, batches_of
from bench.gpu_parts.clock import synchronise
from bench.gpu_parts.figures import Figure, Skipped

STEPS = 10


def measure(case: Case) -> Iterator[Figure]:
    if case.device.type != "cuda":
        raise Skipped("only a GPU computes beside the thread that gives it work")
    trainer = case.trainer()
    with batches_of(trainer) as batches:
        for _ in range(STEPS):
            trainer.step(next(batches))
        synchronise(case.device)
        with profile(activities=[ProfilerActivity.CUDA]) as record:
            start = time.perf_counter()
            for _ in range(STEPS):
                trainer.step(next(batches))
            synchronise(case.device)
            whole = time.perf_counter() - start
    computing, anything, kernels = device_seconds(record.events() or [])
    yield Figure("step with real input, with the profiler's own cost", 1000 * whole / STEPS, "ms")
    yield Figure("share of the time in which the device computes", 100 * computing / whole, "%")
    yield Figure("the same, or copies", 100 * anything / whole, "%")
    yield Figure("kernels per step", kernels / STEPS)
    yield Figure("peak memory of the device", torch.cuda.max_memory_allocated(case.device) / 2**30, "GiB")


def device_seconds(events: Iterable[Any]) -> tuple[float, float, int]:
    """Seconds in which the device ran kernels; kernels or copies; the number of kernels. Events of torch's profiler."""
    # spans that a program has named, such as the optimiser's step, are no work
    events = [e for e in events if e.device_type == DeviceType.CUDA and not e.is_user_annotation]
    kernels = [e for e in events if not e.name.startswith(("Memcpy", "Memset"))]
    spans = [[(e.time_range.start, e.time_range.end) for e in some] for some in (kernels, events)]
    return covered(spans[0]) / 1e6, covered(spans[1]) / 1e6, len(kernels)


def covered(spans: Iterable[tuple[float, float]]) -> float:
    """Length of the union of intervals (start, end)."""
    total, reached = 0.0, float("-inf")
    for start, end in sorted(spans):
        total += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return total
