"""The process that takes parts one after the other: `python -m bench.gpu_parts.child JOB`.

What it finds goes, a line of JSON each, to the file that the job names: the parent reads it while this process works,
so that nothing is lost if this process is killed or its device fails.
"""

import gc
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import torch

from bench.gpu_parts.case import Case
from bench.gpu_parts.figures import Skipped
from bench.gpu_parts.parts import PARTS
from cwamsn.training import end_with


def main(path: str) -> None:
    job = json.loads(Path(path).read_text())
    end_with(os.getppid())
    case = Case.of(job)
    with Path(job["results"]).open("a") as results:

        def tell(**event: Any) -> None:
            results.write(json.dumps(event) + "\n")
            results.flush()

        for name in job["parts"]:
            part, left = PARTS[name], job["deadline"] - time.time()
            if not case.small and left < part.needs:
                tell(part=name, skipped=f"needs about {part.needs} s, {max(left, 0):.0f} s are left")
                continue
            tell(part=name, started=time.time())
            start = time.perf_counter()
            try:
                for figure in part.measure(case):
                    tell(part=name, figure=figure.to_json())
            except Skipped as reason:
                tell(part=name, skipped=str(reason))
            except Exception as error:
                tell(part=name, error=f"{type(error).__name__}: {' '.join(str(error).split())[:300]}")
                sys.excepthook(*sys.exc_info())
            tell(part=name, seconds=time.perf_counter() - start)
            gc.collect()
            if case.device.type == "cuda":
                torch.cuda.synchronize()  # a device that failed ends this process here; the next has a new context
                torch.cuda.empty_cache()


if __name__ == "__main__":
    main(sys.argv[1])
