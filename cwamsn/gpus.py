"""The GPUs of this machine, without torch: how many there are, and which of them jobs hold."""

import fcntl
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import IO, Any

from cwamsn.errors import InputError

DRIVER = Path("/proc/driver/nvidia/gpus")  # one folder per GPU
GPU_THREADS = 8  # of a process that computes on a GPU, where the configuration names no number


@contextmanager
def leases(
    names: dict[int, str], wanted: int, say: Callable[[str], None] = print, folder: Path | None = None, wait: float = 2
) -> Iterator[list[int]]:
    """Hold `wanted` of the GPUs in `names` (number: name), all or none at a time; yields their numbers.

    Each is held by a lock on a file of its name. While too few are free, `say` is told once, and the locks are tried
    again every `wait` seconds.
    """
    folder = folder or Path(tempfile.gettempdir()) / f"cwamsn-gpus-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    announced = False
    while True:
        with ExitStack() as held:
            taken: list[int] = []
            for number, name in names.items():
                if len(taken) < wanted and _lock(held.enter_context((folder / f"{name}.lock").open("a"))):
                    taken.append(number)
            if len(taken) == wanted:
                yield taken
                return
        if not announced:
            say(f"waiting for {wanted} free GPU(s) of {len(names)}; other jobs hold them")
            announced = True
        time.sleep(wait)


def _lock(handle: IO[str]) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks: two jobs on one GPU are better than none
        return True
    return True


def required_gpus(config: Mapping[str, Any], section: str, device: str) -> int:
    """GPUs that a job of `training` or `embedding` must have, by the resolved configuration; 0: it can do without.

    An embedding job follows the training's `gpus` where its own is null. Raises InputError where `device` is the CPU
    and the section asks for GPUs.
    """
    asked = config[section]["gpus"]
    if asked and device == "cpu":
        raise InputError(f"{section}.gpus: {asked}, but {section}.device is cpu; set gpus to 0, or device to auto")
    if asked is None and section == "embedding" and device != "cpu":
        return min(config["training"]["gpus"] or 0, 1)
    return asked or 0


def job_threads(section: Mapping[str, Any], gpus: int, processes: int = 1) -> int:
    """Threads of a whole job of the section `training` or `embedding`: as configured per process, or the default.

    gpus : GPUs that the job is given; with none, its processes compute on the CPU.
    """
    return processes * (section["threads"] or (GPU_THREADS if gpus else 1 + (section["loader_threads"] or 0)))


def loading_mb(section: Mapping[str, Any], images: int, gpus: int, processes: int = 1) -> int:
    """Memory of a job beside what its processes need on the CPU: CUDA's libraries, and batches that are loaded ahead.

    images : of a batch, of all processes. Each counts as 6 MB: five channels of 1080 pixels square. Beside those that
    wait (`loader_depth`), one batch is being filled and one is in use.
    """
    ahead = gpus or section["loader_threads"]
    return 4000 * processes * bool(gpus) + (6 * images * (section["loader_depth"] + 2) if ahead else 0)


def views_at_once(batch_size: int | None, gpu: bool) -> int:
    """Views that an encoder sees at once when it embeds images; None: as many as keep a device of that kind busy.

    On the CPU more only cost memory: above 32 MiB a block of it is cleared by the system at each use.
    """
    return batch_size or (128 if gpu else 16)


def encoding_mb(views: int, size: int | None) -> int:
    """Memory on the CPU of an encoder for views beyond 16 at once, of `size` pixels (None: 224).

    ViT-S/16 in float32: 12 MB per view of 224 pixels. What a view takes grows with its area.
    """
    return round(12 * max(0, views * ((size or 224) / 224) ** 2 - 16))


def _torch_version() -> str:
    """Of the installed torch; empty where each rule has its own environment."""
    try:
        return version("torch")
    except PackageNotFoundError:
        return ""


def visible_gpus() -> int:
    """How many NVIDIA GPUs jobs on this machine may use, without importing torch's CUDA.

    0 where there is no driver, and where the installed torch is built for the CPU (`make env TORCH=cpu`).
    """
    if _torch_version().endswith("+cpu"):
        return 0
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    installed = len(list(DRIVER.glob("*")))
    if not installed and (program := shutil.which("nvidia-smi")):
        listed = subprocess.run([program, "-L"], capture_output=True, text=True, check=False, timeout=60)
        installed = sum(line.startswith("GPU ") for line in listed.stdout.splitlines())
    if named is None or not installed:
        return installed
    entries = [entry.strip() for entry in named.split(",")]
    stop = next((i for i, entry in enumerate(entries) if entry in ("", "-1")), len(entries))
    return stop
