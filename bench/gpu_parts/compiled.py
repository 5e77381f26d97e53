"""`compile: true`: how long the first steps take, and what the others gain."""

import time
from collections.abc import Iterator

from bench.gpu_parts.case import Case, batches_of
from bench.gpu_parts.clock import per_call, synchronise
from bench.gpu_parts.figures import Figure, Skipped
from bench.gpu_parts.precisions import step_and_memory

FIRST = 3  # steps until everything is compiled


def measure(case: Case) -> Iterator[Figure]:
    if case.device.type != "cuda":
        raise Skipped("compiling takes minutes of processor time, and a C++ compiler; a test of the models has it")
    plain, _ = step_and_memory(case)
    trainer = case.trainer(compile=True)
    with batches_of(trainer) as batches:
        images = next(batches)
        start = time.perf_counter()
        for _ in range(FIRST):
            trainer.step(images)
        synchronise(case.device)
        first = time.perf_counter() - start
        compiled = per_call(lambda: trainer.step(images), case.device, case.seconds)
    warm = first - FIRST * compiled
    yield Figure("step as it is, the batch on the device already", 1000 * plain, "ms")
    yield Figure("step compiled", 1000 * compiled, "ms")
    yield Figure("as it is / compiled", plain / compiled, "times")
    yield Figure("compiling", warm, "s")
    if plain > compiled:
        yield Figure("steps after which compiling has paid for itself", warm / (plain - compiled))
