"""What is said where a GPU's memory is too small: the batch, and how much of it would fit."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from cwamsn.errors import InputError

_UNITS = {"GiB": 2**30, "MiB": 2**20, "KiB": 2**10, "bytes": 1}


@contextmanager
def fitting(key: str, batch: int, device: torch.device, advice: str = "") -> Iterator[None]:
    """Around work in batches of `batch`: an out-of-memory error of the GPU becomes one line.

    key : of the configuration, that says how large a batch is
    advice : what else takes less memory, for the end of the line

    To be entered when weights and the optimiser's state are on the device: what is allocated later is taken to grow
    with the batch.

    Raises
    ------
    InputError
        The line: the batch, the memory that this process can have, and a batch that should fit.
    """
    fixed = torch.cuda.memory_allocated(device) if device.type == "cuda" else 0
    try:
        yield
    except torch.OutOfMemoryError as error:
        free, total = torch.cuda.mem_get_info(device)
        ours = free + torch.cuda.memory_reserved(device)
        needed = torch.cuda.max_memory_allocated(device) + _tried(str(error))
        fits = smaller_batch(batch, fixed, needed, ours)
        others = f", {(total - ours) / 2**30:.1f} of them taken by others" if total - ours > 2**30 else ""
        size = f"{total / 2**30:.1f} GiB of {torch.cuda.get_device_name(device)}{others}"
        raise InputError(
            f"{key}: {batch} do not fit into the {size}: they need at least {needed / 2**30:.1f} GiB; "
            f"{f'{fits} should' if fits else 'not even 1 would: take another GPU'}{advice}"
        ) from None


def smaller_batch(batch: int, fixed: int, needed: int, available: int) -> int:
    """A batch that should fit, a power of two; 0 if none does.

    fixed : bytes that are needed whatever the batch; needed : at least, for `batch`; available : to this process
    """
    share = 0.9 * (available - fixed) / max(needed - fixed, 1)
    fits = min(batch // 2, int(batch * share))
    return 2 ** (fits.bit_length() - 1) if fits > 0 else 0


def _tried(message: str) -> int:
    """Bytes of the request that failed."""
    found = re.search(r"Tried to allocate ([\d.]+) (GiB|MiB|KiB|bytes)", message)
    return int(float(found[1]) * _UNITS[found[2]]) if found else 0
