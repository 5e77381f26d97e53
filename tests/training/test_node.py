"""A training on two machines, as two torchrun agents on this one."""

import csv
import random
import socket
import subprocess
import sys

import pytest
import yaml

from cwamsn.errors import InputError
from cwamsn.training import train
from cwamsn.training.node import run_job
from tests.training.tiny import ROOT, SMALL, recipe, write_store


def losses(folder):
    with (folder / "log.csv").open() as handle:
        return [float(row["loss"]) for row in csv.DictReader(handle)]


def free_port():
    """A port that no test in another process is given by chance: below those that systems hand out of their own."""
    while True:
        port = random.SystemRandom().randrange(20000, 32000)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                return port


@pytest.mark.slow
def test_two_machines_train_what_one_process_trains(tmp_path):
    store, changes = write_store(tmp_path / "store"), {"steps": 4, "precision": "float32", "device": "cpu"}
    job = {"recipe": SMALL | changes, "screen": str(store.root), "out": str(tmp_path / "two"), "seed": 0}
    (tmp_path / "job.yaml").write_text(yaml.safe_dump(job))
    port = free_port()
    command = [sys.executable, "-m", "torch.distributed.run", "--nnodes", "2", "--nproc-per-node", "1"]
    command += ["--rdzv-backend", "c10d", "--rdzv-endpoint", f"127.0.0.1:{port}", "--rdzv-id", "two"]
    command += ["--local-addr", "127.0.0.1", "-m", "cwamsn.training.node", str(tmp_path / "job.yaml")]
    machines = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = "".join(machine.communicate(timeout=300)[0] for machine in machines)
    assert [machine.returncode for machine in machines] == [0, 0]
    assert said.count("4 steps on cpu, 2 process(es)") == 1
    train(recipe(**changes), store, tmp_path / "one", seed=0, threads=1)
    assert losses(tmp_path / "two") == pytest.approx(losses(tmp_path / "one"), rel=1e-4)


@pytest.mark.parametrize(
    "text,message",
    [
        ("[1, 2]", r"job\.yaml: expected keys screen, out, seed, found list$"),
        ("screen: [", r"job\.yaml: cannot be read as YAML: "),
        ("{screen: a, out: b}", r"job\.yaml: seed: is missing; needed: screen, out, seed$"),
        ("{screen: a, out: b, seed: 0, gpus: 2}", r"job\.yaml: gpus: unknown key; known: screen, out, seed, recipe"),
        ("{screen: a, out: b, seed: 0, recipe: {step: 2}}", r"training\.step: unknown key; nearest: steps"),
    ],
)
def test_a_job_file_that_says_nothing_usable_is_refused_in_one_line(tmp_path, text, message):
    (tmp_path / "job.yaml").write_text(text)
    with pytest.raises(InputError, match=message) as refusal:
        run_job(tmp_path / "job.yaml")
    assert "\n" not in str(refusal.value)
    with pytest.raises(InputError, match="cannot be read as YAML"):
        run_job(tmp_path / "none.yaml")
