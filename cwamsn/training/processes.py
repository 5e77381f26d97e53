"""Devices and processes: one process as it is, several through torchrun."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

from cwamsn.files import write_json
from cwamsn.tables import InputError


@contextmanager
def process_group(device: str) -> Iterator[torch.device]:
    """The device of this process; under torchrun with a process group (nccl on GPU, gloo on CPU) around it.

    device: `auto` (CUDA where there is one), or a torch device.
    """
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise InputError(f"training.device: {device} is not available here; set it to cpu or auto")
    if "WORLD_SIZE" not in os.environ or dist.is_initialized():
        yield torch.device(device)
        return
    if device == "cuda":
        device = f"cuda:{os.environ['LOCAL_RANK']}"
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if device.startswith("cuda") else "gloo")
    try:
        yield torch.device(device)
    finally:
        dist.destroy_process_group()


def launch(processes: int, **arguments: Any) -> None:
    """`train(**arguments)` in this process or, for more than one, in as many of torchrun's."""
    if processes == 1:
        from cwamsn.training.loop import train

        train(**arguments)
        return
    out_dir = Path(arguments["out_dir"])
    job = out_dir / "job.json"
    write_json(arguments, job)
    root = Path(__file__).resolve().parents[2]
    environment = {**os.environ, "OMP_NUM_THREADS": str(arguments["threads"])}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH")]))
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    command += ["-m", "cwamsn.training.processes", str(job)]
    try:
        result = subprocess.run(command, env=environment, stdout=sys.stdout, stderr=sys.stderr, check=False)
    finally:
        job.unlink()
    failure = out_dir / "failure.txt"
    if result.returncode:
        message = (
            failure.read_text() if failure.exists() else f"torchrun ended with status {result.returncode}; see the log"
        )
        failure.unlink(missing_ok=True)
        raise InputError(message)


def _worker(job: str) -> None:
    from cwamsn.training.loop import train

    arguments = json.loads(Path(job).read_text())
    try:
        train(**arguments)
    except InputError as error:
        (Path(arguments["out_dir"]) / "failure.txt").write_text(str(error))
        raise


if __name__ == "__main__":
    _worker(sys.argv[1])
