"""The small configuration through a real SLURM, and the same tables as a local run."""

import re

import pytest

from tests.operations.cluster import slurm, why_not
from tests.workflow.chain import ROOT, csv_bytes, snakemake

pytestmark = [pytest.mark.privileged, pytest.mark.timeout(2400)]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    reason = why_not()
    if reason:
        pytest.skip(reason)
    with slurm(tmp_path_factory.mktemp("slurm")) as folder:
        yield folder


def test_the_chain_runs_on_slurm_and_a_job_killed_for_memory_is_retried_larger(cluster, tmp_path):
    local, remote = tmp_path / "local", tmp_path / "remote"
    local.mkdir()
    remote.mkdir()
    snakemake(local)
    # Training imports torch: 450 MB are too little, twice or four times that are enough.
    result = snakemake(
        remote,
        "--profile",
        str(ROOT / "profiles" / "slurm"),
        "--default-resources",
        "slurm_partition=main",
        "mem_mb=600",
        "runtime=10",
        "--set-resources",
        "train:mem_mb=450*2**(attempt-1)",
        "--jobs",
        "8",
        "--latency-wait",
        "5",
        "--seconds-between-status-checks",
        "1",
        "--slurm-init-seconds-before-status-checks",
        "1",
        timeout=2300,
    )
    output = result.stdout + result.stderr
    submitted = len(re.findall(r"has been submitted with SLURM jobid", output))
    assert submitted >= 15
    assert re.search(r"Error in rule train|Trying to restart job", output), "no job was killed for memory"
    assert csv_bytes(remote) == csv_bytes(local)
    assert len(csv_bytes(local)) >= 4
