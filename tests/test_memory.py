"""Freed memory that a process keeps for its next use."""

import platform
import resource

import numpy as np
import pytest

from cwamsn.memory import freed_memory_kept

PAGES = 20 << 20 >> 12


def faults():
    """Pages that the system clears for four times the same 20 MiB."""
    np.ones(20 << 20, np.uint8)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(4):
        np.ones(20 << 20, np.uint8)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
def test_pages_are_cleared_once():
    with freed_memory_kept():
        assert faults() < PAGES / 4
