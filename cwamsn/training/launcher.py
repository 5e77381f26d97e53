"""A training in this process, or in several through torchrun; none outlives the job that started them."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from cwamsn.errors import InputError
from cwamsn.files import write_json
from cwamsn.live import say
from cwamsn.models import leased_devices
from cwamsn.training.loop import train


def launch(processes: int, gpus: int = 0, **arguments: Any) -> None:
    """`train(**arguments)` in this process or, for more than one, in as many of torchrun's.

    gpus: GPUs that the configuration asks for; with one or more the training runs on CUDA or is refused. GPUs that
    another training of this user holds on this machine are waited for. A SIGTERM ends all processes.
    """
    with leased_devices(arguments["recipe"]["device"], processes, gpus, say=say) as devices:
        if processes == 1:
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
    command = [sys.executable, "-m", "cwamsn.training.worker", "torchrun", str(os.getpid())]
    command += ["--standalone", "--nproc-per-node", str(len(devices))]
    command += ["-m", "cwamsn.training.worker", "worker", str(job)]
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
