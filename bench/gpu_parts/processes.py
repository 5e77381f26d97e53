"""Two processes, each with its share of the batch, against one: the same losses, and how much faster."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pandas as pd
import torch

from bench.gpu_parts.case import Case
from bench.gpu_parts.figures import Figure
from cwamsn.paths import ModelPaths
from cwamsn.training import launch

PROCESSES = 2


def measure(case: Case) -> Iterator[Figure]:
    gpus = torch.cuda.device_count() if case.device.type == "cuda" else 0
    several = gpus >= PROCESSES
    if several:
        job, changes = case, {"steps": 60, "log_every": 20, "device": "cuda"}
    else:  # NCCL refuses two processes on one GPU
        job, changes = replace(case, device=torch.device("cpu"), small=True), {"steps": 6, "log_every": 2}
        changes |= {"device": "cpu", "precision": "float32"}
    one, two = (_log(job, case.folder / f"processes{n}", n, changes) for n in (1, PROCESSES))
    how = "GPUs with nccl" if several else "CPU processes with gloo, network of two blocks"
    yield Figure("how the processes exchange gradients", how)
    off = float((two["loss"] / one["loss"] - 1).abs().iloc[0])
    name = "loss of the first window, two processes against one"
    yield Figure(name, off, "", at_most=1e-2 if several else 1e-4, equality=True)
    if several:
        rates = [log["images_per_second"].iloc[-1] for log in (one, two)]
        yield Figure("fields per second, one process", rates[0])
        yield Figure("fields per second, two processes", rates[1])
        yield Figure("two processes against one", rates[1] / rates[0], "times", at_least=1.8)
    elif case.device.type == "cuda":
        yield Figure("two GPUs", f"not measured: torch can use {gpus}")


def _log(case: Case, out: Path, processes: int, changes: dict[str, object]) -> pd.DataFrame:
    out.mkdir()
    launch(case.recipe(**changes), case.screen, out, seed=0, processes=processes)
    return pd.read_csv(ModelPaths(out).log)
