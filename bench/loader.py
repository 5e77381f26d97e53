"""The loader of a training beside it: what the main thread still does for a step's input, and how long it waits.

    OMP_NUM_THREADS=1 python -m bench.loader [--threads 2]

The paper's batch, 64 pairs of full-size fields, of a generated screen in a warm page cache, on the CPU. The step's
arithmetic is replaced by a sleep as long as the loader needs per batch with all its threads, so that any time in which
one waits for the other shows. Needs as many idle cores as threads: other processes are taken for waiting.
"""

import argparse
import shutil
import statistics
import tempfile
import time
from contextlib import closing
from pathlib import Path

import torch

from bench.gpu_parts.case import Case
from bench.gpu_parts.screen import write_screen

BATCHES = 16


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    threads = parser.parse_args().threads
    folder = Path(tempfile.mkdtemp(prefix="loader-"))
    try:
        write_screen(folder / "screen", small=False)
        trainer = Case(folder, torch.device("cpu"), False, 1.0).trainer()
        with closing(trainer.remaining(threads=threads)) as batches:
            small = next(batches).drawn.small
            own, start = [], time.perf_counter()
            for _ in range(BATCHES):
                begun = time.thread_time()
                next(batches)
                own.append(time.thread_time() - begun)
            per_batch = (time.perf_counter() - start) / BATCHES
            waited, start = batches.ahead.waited(), time.perf_counter()
            for _ in range(BATCHES):
                next(batches)
                time.sleep(per_batch)
            waiting = (batches.ahead.waited() - waited) / (time.perf_counter() - start)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    pairs = trainer.recipe.pairs.batch_size
    print(f"{pairs} pairs per batch, {threads} loader threads: {2 * pairs / per_batch:,.0f} fields/s")
    print(f"main thread takes a batch   {1000 * statistics.median(own):7.2f} ms of its own (wanted: 5 or less)")
    print(f"bytes beside the images     {sum(x.nbytes for x in small.values()) / 1e6:7.3f} MB (wanted: 1 or less)")
    print(f"waiting                     {waiting:7.1%} (wanted: 5 % or less)")


if __name__ == "__main__":
    main()
