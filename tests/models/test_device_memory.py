"""A batch that does not fit into a GPU ends with one line that says what would."""

import pytest
import torch

from cwamsn.errors import InputError
from cwamsn.models import fitting
from cwamsn.models.device_memory import smaller_batch

GIB = 2**30


def run_out(monkeypatch, total, free, reserved, peak, weights=GIB):
    """Let a batch of 128 fail on a GPU with so many bytes."""
    device = torch.device("cuda", 0)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: weights)
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda device: peak)
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: reserved)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (free, total))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "NVIDIA Test")
    with pytest.raises(InputError) as error, fitting("embedding.batch_size", 128, device):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 6.00 GiB. GPU 0 has ...")
    return str(error.value)


def test_the_line_names_the_batch_and_one_that_fits(monkeypatch):
    assert run_out(monkeypatch, 24 * GIB, 2 * GIB, 22 * GIB, 20 * GIB) == (
        "embedding.batch_size: 128 do not fit into the 24.0 GiB of NVIDIA Test: they need at least 26.0 GiB; 64 should"
    )
    assert run_out(monkeypatch, 24 * GIB, 2 * GIB, 6 * GIB, 5 * GIB) == (
        "embedding.batch_size: 128 do not fit into the 24.0 GiB of NVIDIA Test, 16.0 of them taken by others: "
        "they need at least 11.0 GiB; 64 should"
    )
    assert run_out(monkeypatch, 2 * GIB, 0, GIB, GIB).endswith("not even 1 would: take another GPU")


def test_a_smaller_batch_is_a_power_of_two_within_the_memory():
    assert smaller_batch(100, fixed=0, needed=400, available=100) == 16
    assert smaller_batch(100, fixed=50, needed=60, available=61) == 32
    assert smaller_batch(1, fixed=0, needed=2, available=1) == 0


def test_other_errors_stay_what_they_are():
    with pytest.raises(ValueError, match="mine"), fitting("embedding.batch_size", 8, torch.device("cpu")):
        raise ValueError("mine")
