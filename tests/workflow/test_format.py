"""Dry runs and formats of the workflow itself."""

import re
import subprocess
import sys
import time

import yaml

from tests.workflow.chain import ROOT, snakemake, tiny


def test_dry_run_of_the_paper_configuration(tmp_path):
    started = time.monotonic()
    plan = snakemake(tmp_path, "--dry-run", config=ROOT / "config" / "paper.yaml").stdout
    elapsed = time.monotonic() - started
    crops = next(line for line in plan.splitlines() if line.startswith("crops_unit"))
    assert int(crops.split()[1]) == 406 + 35, "406 Bray plates and 35 RxRx3-core shards"
    assert elapsed < 90, "the plan is made without reading any data"


def resources_of(plan):
    """Rule and resource `gpu` of the jobs of a dry run that compute on images."""
    found, rule = set(), None
    for line in plan.splitlines():
        if line.startswith(("rule ", "localrule ")):
            rule = line.split()[1].rstrip(":")
        elif "resources:" in line and rule in ("train", "embed"):
            found.add((rule, int(re.search(r"\bgpu=(\d+)", line)[1])))
    return found


def test_training_and_embedding_ask_for_gpus_and_one_machine_gives_what_it_has(tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")

    def plan(*arguments, cores=2, **training):
        shared = tiny()
        own = tmp_path / "own.yaml"
        own.write_text(yaml.safe_dump(shared | {"training": shared["training"] | training}))
        result = snakemake(tmp_path, "--dry-run", *arguments, cores=cores, config=own, check=False)
        return result.stdout + result.stderr

    assert resources_of(plan(gpus=4)) == {("train", 1), ("embed", 1)}
    submitted = plan("--executor", "slurm", "--jobs", "9", gpus=4, cores="all")
    assert resources_of(submitted) == {("train", 4), ("embed", 1)}
    # 8 threads per GPU; 2 GB per process, 4 for CUDA, and 5 batches of 16 images of 6 MB
    assert "threads: 32\n" in submitted, "whatever cores the submitting machine has"
    assert f"mem_mb={4 * (2000 + 4000) + 5 * 16 * 6}," in submitted
    here = plan()
    assert resources_of(here) == {("train", 0), ("embed", 0)}
    assert "threads:" not in here and "mem_mb=2000," in here, "on the CPU one thread, and no more memory"
    assert "training.gpus: 1, but training.device is cpu; set gpus to 0" in plan(gpus=1, device="cpu")
    assert "training.device: 'gpu'" in plan(device="gpu")


def test_catalogue_snakefile_runs(tmp_path):
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "workflow" / "Snakefile")]
    command += ["--directory", str(tmp_path), "--cores", "1", "--dry-run"]
    result = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert result.returncode == 0, result.stderr[-2000:]


def test_an_unknown_key_is_one_line(tmp_path):
    result = snakemake(tmp_path, "--dry-run", "--config", "evaluatee=1", check=False)
    assert result.returncode != 0
    assert "evaluatee: unknown configuration key; nearest: evaluate" in result.stdout + result.stderr
