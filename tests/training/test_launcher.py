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


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGKILL])
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
    assert job.wait(timeout=60) == (128 + sent if sent == signal.SIGTERM else -sent)
    assert (tmp_path / "job.json").exists() == (sent == signal.SIGKILL)


def test_the_reason_of_an_earlier_run_is_not_given_for_this_one(tmp_path, monkeypatch):
    (tmp_path / "failure.json").write_text('{"error": "InputError", "message": "an old reason"}')
    monkeypatch.setattr(launcher, "_run", lambda *_: 1)
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
