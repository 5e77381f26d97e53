"""`--sdm conda` with the shipped environment files, solved by a stand-in conda on a stand-in channel.

Proves that every file parses, hashes, is created and activated, and that rules run inside it. Does not prove that the
files solve on conda-forge, which no test here can reach.
"""

import asyncio
import io
import json
import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
import yaml

from tests.workflow.chain import ROOT, SMALL

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


def package(channel: Path, name: str, version: str, files: dict[str, bytes]) -> None:
    """A hand-made noarch conda package below `channel`."""
    index = {
        "name": name,
        "version": version,
        "build": "0",
        "build_number": 0,
        "depends": [],
        "subdir": "noarch",
        "noarch": "generic",
    }
    paths = {
        "paths_version": 1,
        "paths": [{"_path": f, "path_type": "hardlink", "size_in_bytes": len(b)} for f, b in files.items()],
    }
    members = {"info/index.json": json.dumps(index).encode(), "info/paths.json": json.dumps(paths).encode()}
    members |= {"info/files": "\n".join(files).encode()} | files
    with tarfile.open(channel / "noarch" / f"{name}-{version}-0.tar.bz2", "w:bz2") as archive:
        for member, content in members.items():
            info = tarfile.TarInfo(member)
            info.size, info.mode = len(content), 0o755
            archive.addfile(info, io.BytesIO(content))


@pytest.fixture(scope="module")
def standin(tmp_path_factory):
    """Environment variables that put the stand-in conda first on the path, with a channel that has every pin."""
    rattler_index = pytest.importorskip("rattler.index")
    folder = tmp_path_factory.mktemp("conda")
    channel = folder / "channel"
    (channel / "noarch").mkdir(parents=True)
    pins = set()
    for path in (ROOT / "envs").glob("*.yaml"):
        for entry in yaml.safe_load(path.read_text())["dependencies"]:
            if isinstance(entry, str):
                name, version = re.split(r"=+", entry, maxsplit=1)
                pins.add((name, version.replace("*", "9") if "*" in version else version))
    python = f'#!/bin/sh\nexec "{sys.executable}" "$@"\n'.encode()
    for name, version in sorted(pins):
        package(channel, name, version, {"bin/python": python} if name == "python" else {f"share/standin/{name}": b"x"})
    asyncio.run(rattler_index.index_fs(channel))
    binaries = folder / "prefix" / "bin"
    binaries.mkdir(parents=True)
    (binaries / "conda").write_text(
        f'#!/bin/sh\nexec "{sys.executable}" "{Path(__file__).with_name("standin_conda.py")}" "$@"\n'
    )
    (binaries / "conda").chmod(0o755)
    (binaries / "activate").write_text('export CONDA_PREFIX="$1"\nexport PATH="$1/bin:$PATH"\n')
    return {
        "PATH": f"{binaries}:{os.environ['PATH']}",
        "STANDIN_PREFIX": str(folder / "prefix"),
        "STANDIN_CHANNEL": channel.as_uri(),
        "STANDIN_CACHE": str(folder / "cache"),
    }


def test_the_chain_runs_in_its_own_environments(standin, tmp_path):
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--directory", str(tmp_path)]
    command += ["--cores", "2", "--configfile", str(SMALL), "--sdm", "conda"]
    result = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env={**os.environ, **standin})
    output = result.stdout + result.stderr
    assert result.returncode == 0, output[-5000:]
    made = list((tmp_path / ".snakemake" / "conda").glob("*/conda-meta/python-*.json"))
    assert len(made) >= 7, "one environment a stage"
    assert "Activating conda environment" in output
    assert (tmp_path / "results" / "tiny" / "tables" / "table1.csv").exists()
