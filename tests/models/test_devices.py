"""Which device a job takes, on machines with as many GPUs as a test says, and one GPU for one job."""

import multiprocessing
import threading
import warnings

import pytest
import torch

from cwamsn import gpus
from cwamsn.errors import InputError
from cwamsn.gpus import job_threads, leases, loading_mb, required_gpus, visible_gpus
from cwamsn.models import devices
from cwamsn.models.devices import choose_devices, leased_devices, ready_device, share_threads


@pytest.fixture
def machine(monkeypatch):
    def with_gpus(count):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
        monkeypatch.setattr(devices, "_identity", lambda number: f"GPU-{number}")

    return with_gpus


@pytest.mark.parametrize(
    "found,device,processes,gpus,wanted",
    [
        (0, "auto", 1, 0, ["cpu"]),
        (0, "auto", 3, 0, ["cpu"] * 3),
        (1, "auto", 1, 0, ["cuda:0"]),
        (1, "auto", 2, 0, ["cpu", "cpu"]),  # not two processes on one GPU
        (2, "auto", 2, 0, ["cuda:0", "cuda:1"]),
        (4, "auto", 2, 2, ["cuda:0", "cuda:1"]),
        (1, "cuda", 1, 0, ["cuda:0"]),
        (2, "cuda:1", 1, 0, ["cuda:1"]),
        (2, "cuda:1", 1, 1, ["cuda:1"]),
        (2, "cpu", 2, 0, ["cpu", "cpu"]),
    ],
)
def test_each_process_gets_a_device_of_its_own(machine, found, device, processes, gpus, wanted):
    machine(found)
    assert choose_devices(device, processes, gpus) == wanted


@pytest.mark.parametrize(
    "found,device,processes,gpus,message",
    [
        (0, "auto", 1, 1, r"^training\.gpus: 1, but torch can use no GPU here.*; set gpus to 0$"),
        (1, "auto", 2, 2, r"^training\.gpus: 2, but torch can use 1 GPU\(s\) here, cuda:0 to cuda:0; set gpus to 1$"),
        (0, "cuda", 1, 0, r"^training\.device: cuda for 1 process\(es\), but torch can use no GPU"),
        (1, "cuda", 2, 0, r"^training\.device: cuda for 2 process\(es\), but torch can use 1 GPU\(s\)"),
        (1, "cuda:1", 1, 0, r"^training\.device: cuda:1, but torch can use 1 GPU\(s\) here, cuda:0 to cuda:0"),
        (2, "cuda:1", 2, 0, r"^training\.device: cuda:1 is one GPU for 2 processes; take cuda"),
        (1, "gpu", 1, 0, r"^training\.device: 'gpu' is not a device; take auto, cpu, cuda or cuda:<number>$"),
        (1, "cuda:x", 1, 0, r"^training\.device: 'cuda:x' is not a device"),
        (1, "mps", 1, 0, r"^training\.device: 'mps' is not a device"),
        (1, "cpu", 1, 1, r"^training\.gpus: 1, but training\.device is cpu; set gpus to 0, or device to auto$"),
    ],
)
def test_what_the_machine_has_not_is_refused_in_one_line(machine, found, device, processes, gpus, message):
    machine(found)
    with pytest.raises(InputError, match=message) as refusal:
        choose_devices(device, processes, gpus)
    assert "\n" not in str(refusal.value)


def test_an_embedding_asks_for_a_gpu_where_the_training_does():
    def config(training, embedding):
        return {"training": {"gpus": training}, "embedding": {"gpus": embedding}}

    assert required_gpus(config(4, None), "training", "auto") == 4
    assert required_gpus(config(4, None), "embedding", "auto") == 1
    assert required_gpus(config(4, 0), "embedding", "auto") == 0
    assert required_gpus(config(4, None), "embedding", "cpu") == 0
    assert required_gpus(config(None, None), "embedding", "auto") == 0
    assert required_gpus(config(None, 1), "embedding", "cuda:1") == 1
    with pytest.raises(InputError, match=r"embedding\.gpus: 1, but embedding\.device is cpu"):
        required_gpus(config(None, 1), "embedding", "cpu")


def test_jobs_that_start_at_once_take_different_gpus_and_wait_for_a_third(tmp_path):
    names, said, told = {0: "GPU-a", 1: "GPU-b"}, [], threading.Event()

    def say(line):
        said.append(line)
        told.set()

    with leases(names, 1, folder=tmp_path) as first, leases(names, 1, folder=tmp_path) as second:
        assert (first, second) == ([0], [1])
        free, taken = threading.Event(), []

        def third():
            with leases(names, 2, say, tmp_path, wait=0.01) as both:
                taken.extend(both)
            free.set()

        threading.Thread(target=third).start()
        assert told.wait(60) and not free.is_set() and said == ["waiting for 2 free GPU(s) of 2; other jobs hold them"]
    assert free.wait(60) and taken == [0, 1]


def _hold(names, folder, held):
    with leases(names, 1, folder=folder):
        held.set()
        threading.Event().wait()


def test_a_killed_job_leaves_its_gpu_free(tmp_path):
    context = multiprocessing.get_context("fork")
    held = context.Event()
    job = context.Process(target=_hold, args=({0: "GPU-a"}, tmp_path, held))
    job.start()
    assert held.wait(60)
    job.kill()
    job.join()
    with leases({0: "GPU-a"}, 1, folder=tmp_path) as taken:
        assert taken == [0]


def test_leased_devices_are_those_that_are_free(machine, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    machine(3)
    with leased_devices("auto") as one, leased_devices("cuda", 2) as two:
        assert (one, two) == (["cuda:0"], ["cuda:1", "cuda:2"])
    with leased_devices("cuda:2") as named, leased_devices("auto", 2) as rest:
        assert (named, rest) == (["cuda:2"], ["cuda:0", "cuda:1"])
    with leased_devices("cpu", 2) as none:
        assert none == ["cpu", "cpu"]


def test_visible_gpus_obey_the_environment(monkeypatch, tmp_path):
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho 'GPU 0: A (UUID: GPU-1)'\necho 'GPU 1: A (UUID: GPU-2)'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(gpus, "DRIVER", tmp_path / "none")
    monkeypatch.setattr(gpus, "_torch_version", lambda: "2.9.0")
    for named, wanted in ((None, 2), ("", 0), ("1", 1), ("GPU-2,GPU-1", 2), ("0,-1,1", 1)):
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        if named is not None:
            monkeypatch.setenv("CUDA_VISIBLE_DEVICES", named)
        assert visible_gpus() == wanted


def test_a_torch_without_cuda_uses_no_gpu_of_the_machine(monkeypatch, tmp_path):
    (tmp_path / "0000:01:00.0").mkdir()
    monkeypatch.setattr(gpus, "DRIVER", tmp_path)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    for installed, wanted in (("2.9.0", 1), ("2.9.0+cpu", 0), ("", 1)):
        monkeypatch.setattr(gpus, "_torch_version", lambda installed=installed: installed)
        assert visible_gpus() == wanted


@pytest.mark.parametrize(
    "threads,loader,gpus,processes,wanted",
    [
        (None, None, 0, 1, 1),
        (None, 2, 0, 1, 3),
        (4, 2, 0, 1, 4),
        (None, None, 1, 1, 8),
        (None, 2, 1, 1, 8),
        (None, None, 4, 4, 32),
        (16, None, 4, 4, 64),
        (None, None, 0, 2, 2),
    ],
)
def test_a_job_has_threads_for_its_gpus(threads, loader, gpus, processes, wanted):
    assert job_threads({"threads": threads, "loader_threads": loader}, gpus, processes) == wanted


def test_a_job_on_a_gpu_has_memory_for_cuda_and_for_what_is_loaded_ahead():
    section = {"loader_threads": None, "loader_depth": 3}
    assert loading_mb(section, 128, 0) == 0
    assert loading_mb(section, 128, 1) == 4000 + 6 * 128 * 5
    assert loading_mb(section, 128, 4, 4) == 16000 + 6 * 128 * 5  # a batch is divided over the processes
    assert loading_mb(section | {"loader_threads": 1}, 128, 0) == 6 * 128 * 5


@pytest.mark.parametrize(
    "device,threads,loader,wanted",
    [
        ("cpu", None, None, (1, 0)),
        ("cpu", 2, None, (2, 0)),
        ("cpu", 3, 1, (2, 1)),
        ("cpu", 1, 1, (1, 1)),
        ("cpu", None, 2, (1, 2)),
        ("cuda", None, None, (1, 7)),
        ("cuda", 1, None, (1, 1)),
        ("cuda", 8, 4, (1, 4)),
        ("cuda", 8, 0, (1, 0)),
    ],
)
def test_threads_compute_on_the_cpu_and_load_for_a_gpu(device, threads, loader, wanted):
    assert share_threads(torch.device(device), threads, loader) == wanted


def test_a_refusal_says_why_there_is_no_gpu(monkeypatch):
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with pytest.raises(InputError, match=r"torch can use no GPU here \(CUDA_VISIBLE_DEVICES is ''\); set"):
        choose_devices("cuda")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    monkeypatch.setattr(torch.version, "cuda", None)
    with pytest.raises(InputError, match=r"no GPU here \(this torch is built for the CPU only\); set device to auto"):
        choose_devices("cuda")


def test_a_driver_that_cannot_start_is_named_in_a_refusal_and_where_auto_takes_the_cpu(monkeypatch, capsys):
    def broken():
        warnings.warn("CUDA initialization: The NVIDIA driver on your system is too old\n(found 11040)", stacklevel=1)
        return False

    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(torch.cuda, "is_available", broken)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    reason = r"no GPU here \(CUDA initialization: The NVIDIA driver on your system is too old\)"
    with pytest.raises(InputError, match=rf"^training\.gpus: 1, but torch can use {reason}; set gpus to 0$"):
        choose_devices("auto", gpus=1)
    assert choose_devices("auto") == ["cpu"]
    assert "training.device: auto is the CPU, since torch can use no GPU here (CUDA init" in capsys.readouterr().out


def test_a_gpu_that_is_listed_and_cannot_compute_is_refused_with_what_cuda_says(monkeypatch):
    def fails(*shape, device):
        raise RuntimeError("CUDA error: all CUDA-capable devices are busy or unavailable\nCompile with ...")

    assert ready_device("cpu") == torch.device("cpu")
    monkeypatch.setattr(torch, "zeros", fails)
    with pytest.raises(
        InputError, match=r"^embedding\.device: cuda:1 cannot be used: CUDA error: all .* unavailable; see"
    ):
        ready_device("cuda:1", "embedding")
