"""Which device a job computes on: what the configuration's `device` means on this machine, and GPUs of its own."""

import os
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch

from cwamsn.errors import InputError
from cwamsn.gpus import GPU_THREADS, leases, required_gpus

WORDS = re.compile(r"auto|cpu|cuda(:\d+)?")


def choose_devices(device: str, processes: int = 1, gpus: int = 0, key: str = "training") -> list[str]:
    """The torch device of each process: `cpu`, or `cuda:<number>`, each with its own GPU.

    device : `auto` (CUDA where there is a GPU for each process, else the CPU), `cpu`, `cuda` or `cuda:<number>`
    gpus : GPUs that the configuration asks for; with one or more, CUDA or an error
    key : section of the configuration, for messages

    Raises InputError where the machine does not have what is asked for.
    """
    if not WORDS.fullmatch(device):
        raise InputError(f"{key}.device: {device!r} is not a device; take auto, cpu, cuda or cuda:<number>")
    found, reason = _usable_gpus()
    usable = _usable(found, reason)
    required_gpus({key: {"gpus": gpus}}, key, device)  # refuses GPUs for the CPU
    if gpus and found < gpus:
        raise InputError(f"{key}.gpus: {gpus}, but torch can use {usable}; set gpus to {found}")
    if device == "cpu" or (device == "auto" and not gpus and found < processes):
        if device == "auto" and reason:
            print(f"{key}.device: auto is the CPU, since torch can use {usable}", flush=True)
        return ["cpu"] * processes
    if ":" in device:
        number = int(device.partition(":")[2])
        if number >= found:
            raise InputError(f"{key}.device: {device}, but torch can use {usable}; set it to auto")
        if processes > 1:
            raise InputError(
                f"{key}.device: {device} is one GPU for {processes} processes; take cuda, and name the GPUs to use "
                "in CUDA_VISIBLE_DEVICES"
            )
        return [device]
    if found < processes:
        raise InputError(
            f"{key}.device: {device} for {processes} process(es), but torch can use {usable}; "
            "set device to auto or fewer processes"
        )
    return [f"cuda:{number}" for number in range(processes)]


def _usable_gpus() -> tuple[int, str]:
    """How many GPUs torch can use, and what CUDA says where it should find some and cannot start."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        found = torch.cuda.device_count() if torch.cuda.is_available() else 0
    lines = [str(warning.message).splitlines()[0] for warning in told if "CUDA" in str(warning.message)]
    return found, lines[0] if lines and not found else ""


def _usable(found: int, reason: str) -> str:
    if found:
        return f"{found} GPU(s) here, cuda:0 to cuda:{found - 1}"
    if not torch.version.cuda and not torch.version.hip:
        reason = "this torch is built for the CPU only"
    elif "CUDA_VISIBLE_DEVICES" in os.environ:
        reason = f"CUDA_VISIBLE_DEVICES is {os.environ['CUDA_VISIBLE_DEVICES']!r}"
    return f"no GPU here{f' ({reason})' if reason else ''}"


def ready_device(name: str, key: str = "training") -> torch.device:
    """The torch device `name`, once it has computed something.

    A GPU can be listed and yet be of no use: another user holds it alone or has filled it, its driver has failed since,
    or this torch has no code for it. Raises InputError, with what CUDA says, where that is so.
    """
    device = torch.device(name)
    if device.type == "cuda":
        try:
            torch.zeros(1, device=device).add_(1).cpu()
        except RuntimeError as error:
            said = str(error).splitlines()[0]
            raise InputError(
                f"{key}.device: {name} cannot be used: {said}; see to it (nvidia-smi), name another, or take cpu"
            ) from None
    return device


@contextmanager
def leased_devices(
    device: str, processes: int = 1, gpus: int = 0, key: str = "training", say: Callable[[str], None] = print
) -> Iterator[list[str]]:
    """:func:`choose_devices`, with GPUs that no other job of this user holds on this machine.

    Several jobs that start at once on one machine would all compute on its first GPU. So each takes one
    lock per GPU, and waits, with a line, until enough are free; the system frees the locks of a job however it ends.
    """
    devices = choose_devices(device, processes, gpus, key)
    if devices[0] == "cpu":
        yield devices
        return
    numbers = [int(device.partition(":")[2])] if ":" in device else range(torch.cuda.device_count())
    names = {number: _identity(number) for number in numbers}
    with leases(names, len(devices), say) as taken:
        yield [f"cuda:{number}" for number in taken]


def _identity(number: int) -> str:
    """A name of GPU `number` that does not depend on CUDA_VISIBLE_DEVICES."""
    return str(getattr(torch.cuda.get_device_properties(number), "uuid", number))


class Threads(NamedTuple):
    """What the threads of one process do."""

    compute: int
    """Of torch's own on the CPU."""
    loader: int
    """Load batches ahead; 0: the thread that computes loads each when it needs it."""


def share_threads(device: torch.device, threads: int | None = None, loader: int | None = None) -> Threads:
    """Divide the `threads` of a process that computes on `device`; None as `threads` and `loader_threads` say.

    A GPU's process computes next to nothing on the CPU, so that all but one of its threads load batches. On the CPU
    loading takes time from computing, and none does.
    """
    if device.type == "cuda":
        threads = threads or GPU_THREADS
        return Threads(1, max(1, threads - 1) if loader is None else loader)
    loader = loader or 0
    return Threads(max(1, (threads or 1 + loader) - loader), loader)
