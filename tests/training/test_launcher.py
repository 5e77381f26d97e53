"""The processes of a training, real ones: they end with the job that started them."""

import json
import os
import signal
import subprocess
import sys
import time

import psutil
import pytest
import torch
from safetensors.torch import load_file

from cwamsn.errors import InputError
from cwamsn.paths import ScreenPaths
from cwamsn.training import launch, launcher
from cwamsn.training.processes import process_group
from tests.training.tiny import ROOT, recipe, write_store

JOB = """
import json, sys
from pathlib import Path
from cwamsn.paths import ScreenPaths
from cwamsn.training import Recipe, launch
recipe, screen, out = sys.argv[1:]
launch(Recipe.from_config(json.loads(recipe)), ScreenPaths(Path(screen)), Path(out), seed=0, threads=1, processes=2)
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return write_store(tmp_path_factory.mktemp("store"))


@pytest.mark.parametrize("sent", [signal.SIGUSR1, signal.SIGKILL])
def test_no_worker_trains_on_when_its_job_is_ended(tmp_path, store, sent):
    endless = recipe(steps=10**6, checkpoint_minutes=0)
    arguments = [json.dumps(endless.to_config()), str(store.root), str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    job = subprocess.Popen([sys.executable, "-c", JOB, *arguments], env=environment)
    deadline = time.monotonic() + 300
    while not (tmp_path / "checkpoint" / "last.pt").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    children = psutil.Process(job.pid).children(recursive=True)
    job.send_signal(sent)
    _, alive = psutil.wait_procs([*children], timeout=120)
    for process in alive:
        process.kill()
    assert len(children) >= 3 and not alive  # torchrun and two workers
    assert job.wait(timeout=60) == (128 + sent if sent == signal.SIGUSR1 else -sent)
    assert (tmp_path / "job.json").exists() == (sent == signal.SIGKILL)


@pytest.mark.slow
def test_processes_that_are_told_to_stop_save_and_the_same_command_goes_on(tmp_path, store):
    """Though each of them is told, as by a scheduler; the weights are those of a training that nobody stopped."""
    arguments = [json.dumps(recipe(steps=40, precision="float32").to_config()), str(store.root)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", JOB, *arguments]
    subprocess.run([*command, str(tmp_path / "whole")], env=environment, check=True)
    job = subprocess.Popen([*command, str(tmp_path / "parts")], env=environment, stdout=subprocess.PIPE, text=True)
    while not (tmp_path / "parts" / "log.csv").exists():  # after two steps
        assert job.poll() is None
        time.sleep(0.01)
    processes = [psutil.Process(job.pid), *psutil.Process(job.pid).children(recursive=True)]
    for process in processes:
        process.send_signal(signal.SIGTERM)
    said = job.communicate(timeout=120)[0]
    assert job.returncode == 128 + signal.SIGTERM
    assert said.count("stopped after step ") == 1 and not psutil.wait_procs(processes, timeout=60)[1]
    assert [path.name for path in (tmp_path / "parts" / "checkpoint").iterdir()] == ["last.pt"]
    again = subprocess.run([*command, str(tmp_path / "parts")], env=environment, check=True, capture_output=True)
    assert b"resumed after step " in again.stdout
    whole, parts = (load_file(tmp_path / name / "encoder.safetensors") for name in ("whole", "parts"))
    assert all(torch.equal(whole[name], parts[name]) for name in whole)


def test_the_reason_of_an_earlier_run_is_not_given_for_this_one(tmp_path, monkeypatch):
    (tmp_path / "outcome.json").write_text('{"error": "InputError", "message": "an old reason"}')
    monkeypatch.setattr(launcher, "_run", lambda *_: (1, None))
    with pytest.raises(InputError, match=r"^torchrun ended with status 1; see the log$"):
        launch(recipe(device="cpu"), ScreenPaths(tmp_path), tmp_path, seed=0, threads=1, processes=2)
    assert not (tmp_path / "job.json").exists()


def test_gpus_that_cannot_be_used_are_a_refusal_not_the_cpu(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for count in (1, 2):
        with pytest.raises(InputError, match=rf"training\.gpus: {count}, but torch can use no GPU here"):
            launch(recipe(), ScreenPaths(tmp_path), tmp_path, seed=0, threads=1, processes=count, gpus=count)
    with pytest.raises(InputError, match=r"training\.device: 'gpu' is not a device"):
        launch(recipe(device="gpu"), ScreenPaths(tmp_path), tmp_path, seed=0, threads=1)


def test_a_world_size_that_is_not_torchruns_means_nothing(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "4")
    monkeypatch.setenv("RANK", "3")
    with process_group("cpu") as device:
        assert device == torch.device("cpu") and not torch.distributed.is_initialized()
