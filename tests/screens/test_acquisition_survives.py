"""`snakemake crops` of the paper from a loopback host: killed on the way, the same bytes in the end."""

import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from .loopback import MiniBray, MiniRxRx3

pytestmark = pytest.mark.slow


def _configuration(folder, host):
    """Two plates with fields of the real size and two shards, in the hosts' own layouts; the rest is the paper's."""
    bray = MiniBray(host.root / "bray", shape=(520, 696))
    bray.write_images("cil")
    rxrx3 = MiniRxRx3(host.root / "rxrx3", rows_a_shard=21, side=512)
    assert rxrx3.shards == 2
    config = {
        "accept_noncommercial_licence": True,
        "screens": {
            "bray": bray.spec(f"{host.url}/bray", "cil"),
            "rxrx3-core": rxrx3.spec(f"{host.url}/rxrx3"),
        },
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(config))


def _command(root):
    snakemake = [sys.executable, "-m", "snakemake", "--snakefile", str(root / "Snakefile"), "crops"]
    flags = ["--cores", "1", "--rerun-incomplete", "--nolock"]
    return [*snakemake, *flags, "--configfile", str(root / "config" / "paper.yaml"), "config.yaml"]


def _digests(folder: Path):
    files = sorted(p for p in (folder / "data").rglob("*") if p.is_file())
    # made_by.json says which runs use a screen, by the place of their results
    files = [p for p in files if p.name != "made_by.json" and ".snakemake" not in p.name]
    kept = [p for p in files if "cache" not in p.relative_to(folder).parts]
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in kept}


def test_three_kills_and_the_same_bytes(host, root, tmp_path):
    undisturbed, killed = tmp_path / "undisturbed", tmp_path / "killed"
    for folder in (undisturbed, killed):
        folder.mkdir()
        _configuration(folder, host)
    subprocess.run(_command(root), cwd=undisturbed, check=True, capture_output=True, timeout=400)
    broken_off = 0
    for number in range(3):
        before = len(host.requests)
        for path in ("bray/broad_data/plate_24277/24277-Mito.zip", "rxrx3/data/train-00001-of-00002.parquet"):
            host.faults[path] = ["cut", 500]
        process = subprocess.Popen(
            _command(root), cwd=killed, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
        deadline = time.monotonic() + 120
        while process.poll() is None and len(host.requests) < before + 5 + 5 * number and time.monotonic() < deadline:
            time.sleep(0.01)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            broken_off += 1
        process.wait()
    assert broken_off == 3
    host.faults.clear()
    subprocess.run(_command(root), cwd=killed, check=True, capture_output=True, timeout=280)
    expected = _digests(undisturbed)
    assert {"data/bray/crops.parquet", "data/rxrx3-core/crops.parquet"} <= expected.keys()
    assert _digests(killed) == expected
