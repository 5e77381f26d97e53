"""CPU time of the best of several calls, on one thread."""

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

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


def in_threads(calls: list[Callable[[], object]], repeats: int = 15) -> float:
    """Milliseconds until all of `calls`, each in a thread of its own, were done, had each thread had a core to itself.

    Per thread: the wall time without that in which the thread was ready but had no core (Linux counts it). What remains
    is work and waiting for the interpreter lock. The least of `repeats`, of the slower thread.
    """
    return min(_once_in_threads(calls) for _ in range(repeats))


def _once_in_threads(calls: list[Callable[[], object]]) -> float:
    times: list[float] = []
    start = threading.Barrier(len(calls))

    def run(call: Callable[[], object]) -> None:
        start.wait()
        began, waited = time.perf_counter(), _without_core()
        call()
        times.append(time.perf_counter() - began - (_without_core() - waited))

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return 1000 * max(times)


def _without_core() -> float:
    """Seconds for which this thread has been ready to run without running."""
    return int(Path(f"/proc/self/task/{threading.get_native_id()}/schedstat").read_text().split()[1]) / 1e9
