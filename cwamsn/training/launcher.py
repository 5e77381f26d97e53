"""Start a training in this process, or in several through torchrun, none of which outlives the job."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from cwamsn.errors import InputError, TrainingStopped
from cwamsn.files import read_json, write_json
from cwamsn.live import say
from cwamsn.models import leased_devices, prepare_deterministic
from cwamsn.notes import note
from cwamsn.paths import ModelPaths, ScreenPaths
from cwamsn.training.loop import train
from cwamsn.training.recipe import Recipe
from cwamsn.training.stopping import stop, stop_requests
from cwamsn.training.subset import subset_in_words

PATIENCE = "TORCH_ELASTIC_SHUTDOWN_TIMEOUT"  # seconds that torchrun gives its processes to save and end


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
    another training of this user holds on this machine are waited for. A signal to stop is passed on to all processes,
    which save and end.
    """
    if recipe.run.deterministic:
        prepare_deterministic()  # before CUDA starts here, and in the environment of torchrun's processes
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
    if text := subset_in_words(recipe.pairs, read_json(ModelPaths(out).description)["counts"]):
        note(text)


def _torchrun(arguments: Mapping[str, object], out: Path, processes: int) -> None:
    """Run several processes, each of which reads the arguments from a file and takes the device of its rank."""
    job, outcome = out / "job.json", out / "outcome.json"
    outcome.unlink(missing_ok=True)  # of a run that was killed before it could read it
    write_json(arguments, job)
    root = Path(__file__).resolve().parents[2]
    # one thread until a process knows its device and shares its threads out
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH")]))
    environment.setdefault(PATIENCE, "60")
    command = [sys.executable, "-m", "cwamsn.training.worker", "torchrun", str(os.getpid())]
    command += ["--standalone", "--nproc-per-node", str(processes)]
    command += ["-m", "cwamsn.training.worker", "worker", str(job)]
    try:
        status, signalled = _run(command, environment)
        told = read_json(outcome) if outcome.exists() else {}
    finally:
        job.unlink(missing_ok=True)
        outcome.unlink(missing_ok=True)
    if not status or told.get("finished"):  # a signal that came after the last step has nothing to stop
        return
    if told.get("error"):
        raise (TrainingStopped if told["error"] == TrainingStopped.__name__ else InputError)(told["message"])
    if signalled:
        stop(signalled)
    raise InputError(f"torchrun ended with status {status}; see the log")


def _run(command: list[str], environment: dict[str, str]) -> tuple[int, int | None]:
    """Exit status of `command`, and the signal that this process received meanwhile.

    The signal is passed on to the command, which is waited for. It has a session of its own: a signal to the process
    group of this process reaches it once, from here. An error ends the command at once.
    """
    process: subprocess.Popen[bytes] | None = None

    def pass_on(number: int) -> None:
        if process:
            process.send_signal(number)

    with stop_requests(pass_on) as requested:
        process = subprocess.Popen(
            command, env=environment, stdout=sys.stdout, stderr=sys.stderr, start_new_session=True
        )
        try:
            if early := requested():
                process.send_signal(early)
            return process.wait(), requested()
        finally:
            if process.poll() is None:
                process.kill()  # its workers see that it is gone
                process.wait()
