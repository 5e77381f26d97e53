"""Dry runs and formats of the workflow itself."""

import subprocess
import sys
import time

from tests.workflow.chain import ROOT, snakemake


def test_dry_run_of_the_paper_configuration(tmp_path):
    started = time.monotonic()
    plan = snakemake(tmp_path, "--dry-run", config=ROOT / "config" / "paper.yaml").stdout
    elapsed = time.monotonic() - started
    crops = next(line for line in plan.splitlines() if line.startswith("crops_part"))
    assert int(crops.split()[1]) == 406 + 35, "406 Bray plates and 35 RxRx3-core shards"
    assert elapsed < 90, "the plan is made without reading any data"


def test_catalogue_snakefile_runs(tmp_path):
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "workflow" / "Snakefile")]
    command += ["--directory", str(tmp_path), "--cores", "1", "--dry-run"]
    result = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert result.returncode == 0, result.stderr[-2000:]


def test_an_unknown_key_is_one_line(tmp_path):
    result = snakemake(tmp_path, "--dry-run", "--config", "benchmarkz=1", check=False)
    assert result.returncode != 0
    assert "benchmarkz: unknown configuration key; nearest: benchmarks" in result.stdout + result.stderr
