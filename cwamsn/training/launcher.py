"""Start a training in this process, or in several through torchrun, none of which outlives the job."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from cwamsn.errors import InputError, TrainingStopped
from cwamsn.files import read_json, write_json
from cwamsn.live import say
from cwamsn.models import leased_devices
from cwamsn.paths import ScreenPaths
from cwamsn.training.loop import train
from cwamsn.training.recipe import Recipe


def launch(
    recipe: Recipe,
    screen: ScreenPaths,
    out: Path,
    *,
    seed: int,
    threads: int | None = None,
    processes: int = 1,
    gpus: int = 0,
    loader_threads: int | None = None,
    loader_depth: int = 3,
) -> None:
    """:func:`train` in this process or, for more than one, in as many of torchrun's.

    threads, loader_threads, loader_depth : of each process, as in :func:`train`.
    gpus : GPUs that the configuration asks for; with one or more the training runs on CUDA or is refused. GPUs that
    another training of this user holds on this machine are waited for. A SIGTERM ends all processes.
    """
    with leased_devices(recipe.run.device, processes, gpus, say=say) as devices:
        if processes == 1:
            train(
                recipe,
                screen,
                out,
                seed=seed,
                threads=threads,
                device=devices[0],
                loader_threads=loader_threads,
                loader_depth=loader_depth,
            )
        else:
            job = {"recipe": recipe.to_config(), "screen": str(screen.root), "out": str(out), "devices": devices}
            how = {"threads": threads, "loader_threads": loader_threads, "loader_depth": loader_depth}
            _torchrun(job | {"how": how | {"seed": seed}}, out, processes)


def _torchrun(arguments: Mapping[str, object], out: Path, processes: int) -> None:
    """Run several processes, each of which reads the arguments from a file and takes the device of its rank."""
    job, failure = out / "job.json", out / "failure.json"
    failure.unlink(missing_ok=True)  # of a run that was killed before it could read it
    write_json(arguments, job)
    root = Path(__file__).resolve().parents[2]
    # until a process knows its device and shares its threads out
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH")]))
    command = [sys.executable, "-m", "cwamsn.training.worker", "torchrun", str(os.getpid())]
    command += ["--standalone", "--nproc-per-node", str(processes)]
    command += ["-m", "cwamsn.training.worker", "worker", str(job)]
    try:
        status = _run(command, environment)
    finally:
        job.unlink(missing_ok=True)
    if status:
        if not failure.exists():
            raise InputError(f"torchrun ended with status {status}; see the log")
        told = read_json(failure)
        failure.unlink()
        raise (TrainingStopped if told["error"] == TrainingStopped.__name__ else InputError)(told["message"])


def _run(command: list[str], environment: dict[str, str]) -> int:
    """Exit status of `command`, which is ended when this process is."""
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
    """Meanwhile SIGTERM raises SystemExit, so that open resources are closed. Only the main thread can do so."""

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
