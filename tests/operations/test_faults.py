"""What clusters and disks do to a run: kills, a full disk, a read-only folder, damaged files, a second Snakemake."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pandas as pd
import pytest
import yaml

from tests.workflow import chain
from tests.workflow.chain import ROOT, SMALL, csv_bytes, small

pytestmark = [pytest.mark.slow, pytest.mark.timeout(2400)]
snakemake = partial(chain.snakemake, config=SMALL)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    snakemake(folder)
    return folder


@pytest.fixture
def copy(undisturbed, tmp_path):
    shutil.copytree(undisturbed, tmp_path / "copy", symlinks=True)
    return tmp_path / "copy"


def start(folder: Path) -> subprocess.Popen:
    """Snakemake in a session of its own, so that a kill reaches its jobs too."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--directory", str(folder)]
    command += ["--cores", "2", "--quiet", "all", "--configfile", str(SMALL)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen(command, env=environment, cwd=ROOT, start_new_session=True, **quiet)


def everything(folder: Path, run: str = "tiny") -> dict[str, bytes]:
    """Table bytes, and those of the crop stores and indexes below them."""
    data = {
        str(p.relative_to(folder)): p.read_bytes()
        for p in sorted((folder / "data").glob("*/crops/**/*"))
        if p.is_file()
    }
    return csv_bytes(folder, run) | data


def test_ten_kills_change_nothing(undisturbed, tmp_path):
    moments = random.Random(20260101)
    kills = 0
    while kills < 10:
        process = start(tmp_path)
        try:
            process.wait(timeout=moments.uniform(2, 14))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            kills += 1
        else:
            assert process.returncode == 0
            forget(tmp_path, "models", "embeddings", "maps")  # finished before the tenth kill: lose the run, and go on
    snakemake(tmp_path)  # the same command: no lock and no half-made file stands in its way
    assert everything(tmp_path) == everything(undisturbed)


@contextmanager
def mounted(folder: Path, *options: str):
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", *options, str(folder)], check=True, capture_output=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True, capture_output=True)


def needs_mount():
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root")
    probe = subprocess.run(["unshare", "-m", "true"], capture_output=True)
    if probe.returncode:
        pytest.skip("mounting is not permitted here")


@pytest.mark.privileged
def test_a_full_disk_is_an_error_and_space_is_enough_to_go_on(undisturbed, tmp_path):
    needs_mount()
    with mounted(tmp_path / "small", "-t", "tmpfs", "-o", "size=2m", "tmpfs") as folder:
        result = snakemake(folder, check=False)
        assert result.returncode != 0
        assert "No space left" in result.stdout + result.stderr
        assert csv_bytes(folder) == {}
        subprocess.run(["mount", "-o", "remount,size=2g", str(folder)], check=True, capture_output=True)
        snakemake(folder)
        assert csv_bytes(folder) == csv_bytes(undisturbed)


@pytest.mark.privileged
def test_a_read_only_results_folder_is_an_error(copy):
    needs_mount()
    results = copy / "results"
    table = next((results / "tiny" / "tables").glob("table1.csv"))
    before = table.read_bytes()
    table.unlink()
    with mounted(results, "-t", "tmpfs", "-o", "ro,size=1m", "tmpfs"):
        result = snakemake(copy, check=False)
    assert result.returncode != 0
    assert "Read-only file system" in result.stdout + result.stderr
    snakemake(copy)
    assert table.read_bytes() == before


def forget(folder: Path, *names: str) -> None:
    """Remove these and the end products: Snakemake does not remake what lies between two things that are there."""
    for name in (*names, "scores", "tables", "figures", "scores.parquet", "provenance.json", "report.html"):
        path = folder / "results" / "tiny" / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def damage(path: Path) -> None:
    """Flip a run of bytes in the middle; keep size and modification time, as a bad disk would."""
    stamp = path.stat()
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    for i in range(middle, min(middle + 64, len(content))):
        content[i] ^= 0xFF
    path.write_bytes(content)
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))


def test_a_corrupted_crop_shard_stops_the_run(copy):
    shards = [p for p in (copy / "data" / "rxrx3-tiny" / "crops").glob("*/*") if p.is_file()]
    for shard in shards:
        damage(shard)
    forget(copy, "embeddings", "maps")
    result = snakemake(copy, check=False)
    output = result.stdout + result.stderr
    assert result.returncode != 0
    assert any(s.name in output or s.parent.name in output for s in shards), output[-3000:]
    assert not (copy / "results" / "tiny" / "embeddings" / "rxrx3-tiny" / "cwa-msn" / "seed0.parquet").exists()


def test_a_truncated_embeddings_file_stops_the_run(copy):
    path = copy / "results" / "tiny" / "embeddings" / "rxrx3-tiny" / "cwa-msn" / "seed0.parquet"
    stamp = path.stat()
    path.write_bytes(path.read_bytes()[:-500])
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    forget(copy, "maps")
    result = snakemake(copy, check=False)
    assert result.returncode != 0
    assert "seed0.parquet: not readable as parquet" in result.stdout + result.stderr


def test_a_lost_checkpoint_is_trained_again_to_the_same_weights(copy):
    folder = copy / "results" / "tiny" / "models" / "cwa-msn" / "seed0"
    before = (folder / "encoder.safetensors").read_bytes()
    tables = csv_bytes(copy)
    shutil.rmtree(folder)
    forget(copy, "embeddings", "maps")
    snakemake(copy)
    assert csv_bytes(copy) == tables
    assert (folder / "encoder.safetensors").read_bytes() == before


def test_a_table_of_which_one_row_fails_is_made_with_the_gap(copy, tmp_path):
    """A real run: a row whose embeddings are of other wells fails, the table shows the rest, the end names the row."""
    wrong = tmp_path / "wrong.parquet"
    pd.DataFrame({"well_id": ["nobody's"], "feature_0": [1.0]}).to_parquet(wrong)
    settings = small()
    settings["methods"].append("broken")
    settings["embeddings"] = {"broken": {"path": str(wrong)}}
    config = tmp_path / "broken.yaml"
    config.write_text(yaml.safe_dump(settings))
    result = snakemake(copy, "table1", config=config, check=False)
    assert result.returncode != 0
    assert "gap in table1: broken: no gene_gene score of seed 0 (method broken)" in result.stdout + result.stderr
    table = (copy / "results" / "tiny" / "tables" / "incomplete" / "table1.md").read_text()
    lines = {line.split("|")[1].strip(): line for line in table.splitlines() if line.startswith("| ")}
    assert "**missing**" in lines["broken"]
    assert "missing" not in lines["CWA-MSN"] and "1 seed" in lines["CWA-MSN"]
    settings["methods"].remove("broken")
    config.write_text(yaml.safe_dump(settings))
    snakemake(copy, "table1", config=config)
    assert not (copy / "results" / "tiny" / "tables" / "incomplete" / "table1.md").exists()


def test_a_second_snakemake_in_the_same_folder_is_refused(tmp_path):
    first = start(tmp_path)
    try:
        deadline = time.monotonic() + 60
        while not list((tmp_path / ".snakemake" / "locks").glob("*")) and time.monotonic() < deadline:
            time.sleep(0.2)
        second = snakemake(tmp_path, check=False)
        assert second.returncode != 0
        assert "locked" in (second.stdout + second.stderr).lower()
    finally:
        os.killpg(first.pid, signal.SIGKILL)
        first.wait()
