"""Running Snakemake on a small configuration in a scratch folder, for the tests of the whole chain."""

import os
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
TINY = Path(__file__).with_name("tiny.yaml")
SMALL = Path(__file__).with_name("small.yaml")


def tiny() -> dict:
    """The tiny run's own configuration, to be changed and written to any folder."""
    return yaml.safe_load(TINY.read_text()) | {"extends": str(ROOT / "config" / "small_vit.yaml")}


def small() -> dict:
    """As `tiny`, of the run with two methods."""
    return tiny() | {key: value for key, value in yaml.safe_load(SMALL.read_text()).items() if key != "extends"}


def snakemake(folder: Path, *arguments: str, cores: int = 2, config=TINY, check: bool = True, **options):
    """Run Snakemake with `config` (a path or several) in `folder`; returns the completed process, output as text."""
    files = [str(path) for path in (config if isinstance(config, list) else [config])]
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--directory", str(folder)]
    # --configfile takes several files: a target after it would be read as one
    command += [*arguments, "--cores", str(cores), "--configfile", *files]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": ""}
    result = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=ROOT, **options)
    if check and result.returncode:
        raise AssertionError(
            f"snakemake failed ({result.returncode}):\n{result.stdout[-3000:]}\n{result.stderr[-6000:]}"
        )
    return result


def csv_bytes(folder: Path, run: str = "tiny") -> dict[str, bytes]:
    """The bytes of every table CSV of a run, by file name."""
    return {p.name: p.read_bytes() for p in sorted((folder / "results" / run / "tables").glob("*.csv"))}
