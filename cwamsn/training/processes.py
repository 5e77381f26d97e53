"""A training's processes: one as it is, several through torchrun; none outlives the job that started them."""

import json
import os
import runpy
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import torch
import torch.distributed as dist

from cwamsn.devices import choose_devices, leased_devices
from cwamsn.errors import InputError
from cwamsn.files import atomic_path, write_json
from cwamsn.live import say

_LAUNCHER = "CWAMSN_LAUNCHER"  # process id of the torchrun that the workers belong to


@contextmanager
def process_group(device: str) -> Iterator[torch.device]:
    """The device of this process; under torchrun with a process group (nccl on GPU, gloo on CPU) around it.

    device: `auto` (CUDA where there is a GPU for each process), or a torch device. A WORLD_SIZE in the environment that
    is not torchrun's own means nothing here.
    """
    joined = dist.is_available() and dist.is_initialized()
    torchrun = dist.is_available() and dist.is_torchelastic_launched() and "LOCAL_RANK" in os.environ and not joined
    if torchrun:
        processes, rank = int(os.environ["LOCAL_WORLD_SIZE"]), int(os.environ["LOCAL_RANK"])
        # where `launch` gave each process a device of its own, the device is that one
        device = device if ":" in device and _LAUNCHER in os.environ else choose_devices(device, processes)[rank]
    else:
        (device,) = choose_devices(device)
    if device.startswith("cuda:"):
        torch.cuda.set_device(device)
    if not torchrun:
        yield torch.device(device)
        return
    dist.init_process_group("nccl" if device.startswith("cuda") else "gloo")
    try:
        yield torch.device(device)
    finally:
        dist.destroy_process_group()


def launch(processes: int, gpus: int = 0, **arguments: Any) -> None:
    """`train(**arguments)` in this process or, for more than one, in as many of torchrun's.

    gpus: GPUs that the configuration asks for; with one or more the training runs on CUDA or is refused. GPUs that
    another training of this user holds on this machine are waited for. A SIGTERM ends all processes.
    """
    with leased_devices(arguments["recipe"]["device"], processes, gpus, say=say) as devices:
        if processes == 1:
            from cwamsn.training.loop import train

            train(**arguments, device=devices[0])
            return
        _torchrun(devices, arguments)


def _torchrun(devices: list[str], arguments: dict[str, Any]) -> None:
    out_dir = Path(arguments["out_dir"])
    job, failure = out_dir / "job.json", out_dir / "failure.txt"
    failure.unlink(missing_ok=True)  # of a run that was killed before it could read it
    write_json({"devices": devices, "arguments": arguments}, job)
    root = Path(__file__).resolve().parents[2]
    environment = {**os.environ, "OMP_NUM_THREADS": str(arguments["threads"])}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH")]))
    command = [sys.executable, "-m", "cwamsn.training.processes", "torchrun", str(os.getpid())]
    command += ["--standalone", "--nproc-per-node", str(len(devices))]
    command += ["-m", "cwamsn.training.processes", "worker", str(job)]
    try:
        status = _run(command, environment)
    finally:
        job.unlink(missing_ok=True)
    if status:
        message = failure.read_text() if failure.exists() else f"torchrun ended with status {status}; see the log"
        failure.unlink(missing_ok=True)
        raise InputError(message)


def _run(command: list[str], environment: dict[str, str]) -> int:
    """The exit status of `command`, which ends when this process is told to end or is interrupted."""
    with _sigterm_raises():
        process = subprocess.Popen(command, env=environment, stdout=sys.stdout, stderr=sys.stderr)
        try:
            return process.wait()
        finally:
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(timeout=20)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()


@contextmanager
def _sigterm_raises() -> Iterator[None]:
    """SIGTERM becomes SystemExit meanwhile, so that what is open is closed. Signals belong to the main thread."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def end_with(parent: int, interval: float = 1.0) -> None:
    """Let this process end itself, by SIGTERM, once `parent` is no more its parent: SIGKILL tells nobody."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(interval)
        print("the job that this process belongs to is gone; ending", file=sys.stderr, flush=True)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(30)
        os._exit(128 + signal.SIGTERM)

    threading.Thread(target=watch, daemon=True, name="end_with").start()


def _worker(job: str) -> None:
    from cwamsn.training.loop import train

    told = json.loads(Path(job).read_text())
    arguments = told["arguments"]
    try:
        train(**arguments, device=told["devices"][int(os.environ["LOCAL_RANK"])])
    except InputError as error:
        with atomic_path(Path(arguments["out_dir"]) / "failure.txt") as temporary:
            temporary.write_text(str(error))
        raise


def _main(role: str, *rest: str) -> None:
    if role == "worker":
        end_with(int(os.environ[_LAUNCHER]))
        _worker(*rest)
    else:
        end_with(int(rest[0]))
        os.environ[_LAUNCHER] = str(os.getpid())
        sys.argv = ["torchrun", *rest[1:]]
        runpy.run_module("torch.distributed.run", run_name="__main__")


if __name__ == "__main__":
    _main(*sys.argv[1:])
