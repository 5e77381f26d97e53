"""A process that trains: its device, its process group, and its end when its job ends."""

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.distributed as dist

from cwamsn.models import choose_devices, ready_device
from cwamsn.training.stopping import is_stopping

LAUNCHER = "CWAMSN_LAUNCHER"  # process id of the torchrun that the workers belong to


@contextmanager
def process_group(device: str) -> Iterator[torch.device]:
    """The device of this process; under torchrun with a process group (nccl on GPU, gloo on CPU) around it.

    device : `auto` (CUDA where there is a GPU for each process), or a torch device. A WORLD_SIZE in the environment
    that torchrun has not set is ignored.
    """
    joined = dist.is_available() and dist.is_initialized()
    torchrun = dist.is_available() and dist.is_torchelastic_launched() and "LOCAL_RANK" in os.environ and not joined
    if torchrun:
        processes, rank = int(os.environ["LOCAL_WORLD_SIZE"]), int(os.environ["LOCAL_RANK"])
        # a device that `launch` chose for this process is kept
        device = device if ":" in device and LAUNCHER in os.environ else choose_devices(device, processes)[rank]
    else:
        (device,) = choose_devices(device)
    ready = ready_device(device)
    if ready.type == "cuda":
        torch.cuda.set_device(ready)
    if not torchrun:
        yield ready
        return
    dist.init_process_group("nccl" if device.startswith("cuda") else "gloo")
    try:
        yield ready
    finally:
        dist.destroy_process_group()


def end_with(parent: int, interval: float = 1.0, patience: float = 60.0) -> None:
    """Let this process end itself by SIGTERM once `parent` is no longer its parent: a killed parent cannot tell it.

    A signal to a whole job ends its shells first. A training that stops for it already is left to it: a second SIGTERM
    would end it before it has saved. After `patience` seconds it is ended in any case.
    """

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(interval)
        print("the job that this process belongs to is gone; ending", file=sys.stderr, flush=True)
        if not is_stopping():
            os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(patience)
        os._exit(128 + signal.SIGTERM)

    threading.Thread(target=watch, daemon=True, name="end_with").start()
