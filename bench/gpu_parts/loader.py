"""The loader alone: fields from a warm page cache to the device, by number of threads."""

import time
from collections.abc import Iterator

import numpy as np

from bench.gpu_parts.case import Case
from bench.gpu_parts.clock import synchronise
from bench.gpu_parts.figures import Figure
from cwamsn.loading import Request, load_ahead

DEPTH = 3


def measure(case: Case) -> Iterator[Figure]:
    rates = {}
    for threads in (1, 2) if case.small else (1, 2, 4, 8):
        rates[threads] = _fields_per_second(case, threads)
        yield Figure(f"loader, {threads} thread{'s' * (threads > 1)}", rates[threads], "fields/s")
    yield Figure("two threads against one", rates[2] / rates[1], "times", at_least=1.8)


def _fields_per_second(case: Case, threads: int) -> float:
    batch, fields = 2 * case.recipe().pairs.batch_size, len(case.data.store)
    rng = np.random.default_rng(0)
    endless = (Request(rng.integers(0, fields, batch), {}, None) for _ in iter(int, 1))
    loaded = load_ahead(case.data.store, endless, case.device, threads=threads, depth=DEPTH)
    try:
        for _ in range(DEPTH + 2):  # what was loaded while nobody took it
            next(loaded)
        start, batches = time.perf_counter(), 0
        while batches < DEPTH or time.perf_counter() - start < case.seconds:
            next(loaded)
            batches += 1
        synchronise(case.device)
        return batches * batch / (time.perf_counter() - start)
    finally:
        loaded.close()
