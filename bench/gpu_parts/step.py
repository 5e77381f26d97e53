"""The training step: with a batch that is on the device already, and with what the loader brings."""

import time
from collections.abc import Iterator
from itertools import islice
from statistics import median

import pandas as pd

from bench.gpu_parts.case import Case, batches_of
from bench.gpu_parts.clock import host_seconds, per_call, synchronise
from bench.gpu_parts.figures import Figure
from bench.gpu_parts.machine import peak_tflops
from cwamsn.models import device_name
from cwamsn.paths import ModelPaths
from cwamsn.training import Trainer, train
from cwamsn.training.loader import Steps

WARM = 8  # steps until the loader's ring is full and the allocator has its memory


def measure(case: Case) -> Iterator[Figure]:
    trainer = case.trainer()
    pairs, views = trainer.recipe.pairs.batch_size, trainer.recipe.views
    with batches_of(trainer) as batches:
        images = next(batches)
        held = per_call(lambda: trainer.step(images), case.device, case.seconds)
        host = host_seconds(lambda: trainer.step(images), case.device)
        own = input_seconds(trainer, batches)
    real, waiting = real_steps(trainer, case.seconds)
    tflops = case.pair_flops * pairs / real / 1e12
    yield Figure("step, the batch on the device already", 1000 * held, "ms")
    yield Figure("step with real input", 1000 * real, "ms")
    yield Figure("real input / batch on the device", real / held, "times", at_most=1.10)
    # it also waits where the device is behind and the ring is full; the log's figure below counts the device's waiting
    yield Figure("main thread waits in the ring", 100 * waiting, "%")
    yield Figure("main thread's own time for the input of a step: batch and views", 1000 * own, "ms", at_most=5)
    yield Figure("main thread issues a whole step from an empty queue", 1000 * host, "ms")
    yield Figure("fields per second", 2 * pairs / real)
    yield Figure("views per second", pairs * (1 + views.rand_views + views.focal_views) / real)
    yield Figure("arithmetic, by formula", tflops, "TFLOP/s")
    yield from _by_the_log(case, real)
    if peak := peak_tflops(device_name(case.device), trainer.precision):
        yield Figure(f"share of the card's nominal {peak:g} TFLOP/s in {trainer.precision}", 100 * tflops / peak, "%")


def input_seconds(trainer: Trainer, batches: Steps, repeats: int = 7) -> float:
    """Seconds in which this thread takes a batch that has been loaded and issues its views: median."""
    times = []
    for _ in range(repeats):
        synchronise(trainer.device)
        time.sleep(0.1)  # the ring is full
        start = time.perf_counter()
        trainer.views(next(batches))
        times.append(time.perf_counter() - start)
    return median(times)


def real_steps(trainer: Trainer, seconds: float) -> tuple[float, float]:
    """Seconds per step with real input over about `seconds`; share of them in which this thread waits for a batch."""
    with batches_of(trainer) as batches:
        for images in islice(batches, WARM):
            trainer.step(images)
        synchronise(trainer.device)
        start, steps, waited = time.perf_counter(), 0, 0.0
        while steps < 5 or time.perf_counter() - start < seconds:
            asked = time.perf_counter()
            images = next(batches)
            waited += time.perf_counter() - asked
            trainer.step(images)
            steps += 1
        synchronise(trainer.device)
        whole = time.perf_counter() - start
    return whole / steps, waited / whole


def _by_the_log(case: Case, step: float) -> Iterator[Figure]:
    """A whole training of some steps, as a job runs it; what its log says of the last window."""
    every = max(5, int(case.seconds / 2 / step))
    recipe, out = case.recipe(steps=3 * every, log_every=every), case.folder / "logged"
    train(recipe, case.screen, out, seed=0, device=str(case.device))
    last = pd.read_csv(ModelPaths(out).log).iloc[-1]
    yield Figure("fields per second, by the log of a whole training", float(last["images_per_second"]))
    yield Figure("the device waits for batches, by that log", 100 * float(last["waiting"]), "%", at_most=5)
