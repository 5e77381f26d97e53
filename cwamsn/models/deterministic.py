"""Steps that a GPU repeats bit by bit: torch's deterministic algorithms, and the workspace of cuBLAS that they need."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.backends import cudnn
from torch.utils import deterministic

from cwamsn.errors import InputError

_FILLING: Any = deterministic  # a module that is a class to torch and a module to mypy

WORKSPACE = "CUBLAS_WORKSPACE_CONFIG"
WORKSPACES = (":4096:8", ":16:8")  # those with which cuBLAS promises the same bits


def prepare_deterministic(key: str = "training.deterministic") -> None:
    """Give cuBLAS a fixed workspace. Called before this process computes on CUDA; without CUDA it does nothing.

    Raises
    ------
    InputError
        CUDA has started without that workspace, or the environment names another one.
    """
    if not torch.cuda.is_available():
        return
    found = os.environ.get(WORKSPACE)
    if found is None and torch.cuda.is_initialized():
        raise InputError(
            f"{key}: CUDA has started in this process without {WORKSPACE}; set it to {WORKSPACES[0]} in the "
            "environment, and start again"
        )
    if found not in (None, *WORKSPACES):
        raise InputError(
            f"{key}: the environment has {WORKSPACE}={found}, with which cuBLAS does not repeat its results; set it to "
            f"{WORKSPACES[0]} or unset it"
        )
    os.environ[WORKSPACE] = found or WORKSPACES[0]


@contextmanager
def deterministic_algorithms(on: bool) -> Iterator[None]:
    """Meanwhile torch takes deterministic algorithms, where `on`; the settings of before are restored."""
    if not on:
        yield
        return
    before = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    flags = cudnn.benchmark, cudnn.deterministic, _FILLING.fill_uninitialized_memory
    torch.use_deterministic_algorithms(True)
    # memory is not filled: no operation here reads what it has not written
    cudnn.benchmark, cudnn.deterministic, _FILLING.fill_uninitialized_memory = False, True, False
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before[0], warn_only=before[1])
        cudnn.benchmark, cudnn.deterministic, _FILLING.fill_uninitialized_memory = flags
