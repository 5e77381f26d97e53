"""CPU time of the best of several calls, on one thread."""

import os
import time
from collections.abc import Callable

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")


def best(call: Callable[[], object], repeats: int = 15) -> float:
    """Smallest CPU time of `repeats` calls, in milliseconds: other processes disturb it least."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        call()
        times.append(time.process_time() - start)
    return 1000 * min(times)


def interleaved(calls: dict[str, Callable[[], object]], repeats: int = 15) -> dict[str, float]:
    """`best` of each call, taken in turns, so that all meet the same state of the machine."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(repeats):
        for name, call in calls.items():
            times[name].append(best(call, 1))
    return {name: min(values) for name, values in times.items()}
