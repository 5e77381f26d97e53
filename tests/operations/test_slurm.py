"""The small configuration through a real SLURM: the same tables and weights as a local run."""

import re
import shutil
import subprocess
import threading
import time

import pytest
import yaml

from tests.operations.cluster import slurm, why_not
from tests.workflow.chain import ROOT, SMALL, csv_bytes, snakemake, tiny

pytestmark = [pytest.mark.privileged, pytest.mark.timeout(2400)]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    reason = why_not()
    if reason:
        pytest.skip(reason)
    with slurm(tmp_path_factory.mktemp("slurm")) as folder:
        yield folder


SUBMITTED = [
    "--profile",
    str(ROOT / "profiles" / "slurm"),
    "--latency-wait",
    "5",
    "--seconds-between-status-checks",
    "1",
]
SUBMITTED += ["--slurm-init-seconds-before-status-checks", "1"]
SUBMITTED += ["--default-resources", "slurm_partition=main", "mem_mb=600", "runtime=10"]


def test_the_chain_runs_on_slurm_and_a_job_killed_for_memory_is_retried_larger(cluster, tmp_path):
    local, remote = tmp_path / "local", tmp_path / "remote"
    local.mkdir()
    remote.mkdir()
    snakemake(local, config=SMALL)
    # Training imports torch: 450 MB are too little, twice or four times that are enough.
    short = ["--set-resources", "train:mem_mb=450*2**(attempt-1)", "--jobs", "8"]
    result = snakemake(remote, *SUBMITTED, *short, config=SMALL, timeout=2300)
    output = result.stdout + result.stderr
    submitted = len(re.findall(r"has been submitted with SLURM jobid", output))
    assert submitted >= 15
    assert re.search(r"Error in rule train|Trying to restart job", output), "no job was killed for memory"
    assert csv_bytes(remote) == csv_bytes(local)
    assert len(csv_bytes(local)) >= 4


def _squeue(form):
    command = ["squeue", "-h", "-t", "RUNNING", "-o", form]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


def test_a_training_near_its_time_limit_saves_and_its_retry_gives_the_same_weights(cluster, tmp_path):
    """The signal is sent as SLURM sends it for `--signal`: to all processes of the job's step."""
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    whole.mkdir()
    (own := tmp_path / "own.yaml").write_text(
        yaml.safe_dump(tiny() | {"training": tiny()["training"] | {"steps": 200}})
    )
    weights = "results/tiny/models/cwa-msn/seed0/encoder.safetensors"
    snakemake(whole, weights, config=own)
    shutil.copytree(whole / "data", parts / "data")
    log = parts / "results" / "tiny" / "logs" / "train" / "cwa-msn" / "seed0.log"

    def tell():
        while not (log.exists() and " steps on " in log.read_text()):
            time.sleep(0.05)
        subprocess.run(["scancel", "--signal=USR1", *_squeue("%i")], check=True)

    teller = threading.Thread(target=tell, daemon=True)
    teller.start()
    result = snakemake(parts, weights, *SUBMITTED, "--retries", "1", "--jobs", "1", config=own, timeout=600)
    assert "Trying to restart job" in result.stdout + result.stderr
    assert re.search(r"resumed after step \d+ of 200", log.read_text())
    assert (parts / weights).read_bytes() == (whole / weights).read_bytes()
    dry = snakemake(parts, weights, "--dry-run", "--forcerun", "train", config=own).stdout
    assert "slurm_extra=--signal=USR1@120" in dry
