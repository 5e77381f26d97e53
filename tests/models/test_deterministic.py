"""The settings with which a GPU repeats its bits; torch keeps them on a machine without one too."""

import os

import pytest
import torch
from torch.backends import cudnn
from torch.utils import deterministic as filling

from cwamsn.errors import InputError
from cwamsn.models import deterministic_algorithms, prepare_deterministic
from cwamsn.models.deterministic import WORKSPACE


def settings():
    chosen = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    return *chosen, cudnn.benchmark, cudnn.deterministic, filling.fill_uninitialized_memory


@pytest.mark.parametrize("before", [(False, False, True, False, True), (True, True, False, False, True)])
def test_settings_are_made_and_restored(before):
    default = settings()
    torch.use_deterministic_algorithms(before[0], warn_only=before[1])
    cudnn.benchmark = before[2]
    with pytest.raises(RuntimeError, match="inside"), deterministic_algorithms(True):
        assert settings() == (True, False, False, True, False)
        raise RuntimeError("inside")
    assert settings() == before
    with deterministic_algorithms(False):
        assert settings() == before
    torch.use_deterministic_algorithms(default[0], warn_only=default[1])
    cudnn.benchmark = default[2]
    assert settings() == default


@pytest.fixture
def gpu(monkeypatch):
    """A machine with a GPU that has not been used yet, and an environment that says nothing."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: False)
    monkeypatch.setenv(WORKSPACE, "for monkeypatch to restore")
    monkeypatch.delenv(WORKSPACE)
    return monkeypatch


def test_cublas_gets_its_workspace_before_cuda_starts(gpu):
    prepare_deterministic()
    assert os.environ[WORKSPACE] == ":4096:8"
    gpu.setattr(torch.cuda, "is_initialized", lambda: True)
    prepare_deterministic()  # as in a process that trains again


def test_a_workspace_that_repeats_its_bits_is_kept(gpu):
    gpu.setenv(WORKSPACE, ":16:8")
    prepare_deterministic()
    assert os.environ[WORKSPACE] == ":16:8"


def test_too_late_and_other_workspaces_are_refused_in_a_line(gpu):
    gpu.setattr(torch.cuda, "is_initialized", lambda: True)
    with pytest.raises(InputError, match=r"training.deterministic: CUDA has started .* set it to :4096:8"):
        prepare_deterministic()
    gpu.setenv(WORKSPACE, ":0:0")
    with pytest.raises(InputError, match=r"CUBLAS_WORKSPACE_CONFIG=:0:0.*unset it"):
        prepare_deterministic()


def test_without_cuda_the_environment_is_left_alone(gpu):
    gpu.setattr(torch.cuda, "is_available", lambda: False)
    prepare_deterministic()
    assert WORKSPACE not in os.environ
