"""The default run as a user meets it: time, memory and disk; a second run; the plan of the paper; one core against two.

    python -m bench.chain FOLDER [--config FILE] [--both]

FOLDER is a scratch folder; `--both` runs the chain again on one core and compares the bytes of the table CSVs.
"""

import argparse
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[1]


def timed(folder: Path, *arguments: str) -> tuple[float, float, str]:
    """Seconds, peak resident memory of the process tree in GiB, and the output of one Snakemake call."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--directory", str(folder)]
    started, peak = time.monotonic(), 0
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [*command, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT, env=environment
    )
    output: list[str] = []
    reader = threading.Thread(target=lambda: output.extend(process.stdout))
    reader.start()
    tree = psutil.Process(process.pid)
    while process.poll() is None:
        total = 0
        try:
            for member in [tree, *tree.children(recursive=True)]:
                total += member.memory_info().rss
        except psutil.NoSuchProcess:
            continue
        peak = max(peak, total)
        time.sleep(0.2)
    reader.join()
    text = "".join(output)
    if process.returncode:
        raise SystemExit(text[-4000:])
    return time.monotonic() - started, peak / 2**30, text


def size(folder: Path) -> float:
    """GB on disk below `folder`."""
    return sum(p.stat().st_size for p in folder.rglob("*") if p.is_file() and not p.is_symlink()) / 1e9


def tables(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in sorted(folder.glob("results/*/tables/*.csv"))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--config", type=Path)
    parser.add_argument("--both", action="store_true")
    options = parser.parse_args()
    extra = ["--configfile", str(options.config.resolve())] if options.config else []
    two, one = options.folder / "two", options.folder / "one"
    for folder in (two, one):
        folder.mkdir(parents=True, exist_ok=True)
    seconds, memory, _ = timed(two, "--cores", "2", *extra)
    print(f"first run, 2 cores   {seconds / 60:6.1f} min, {memory:.2f} GiB, {size(two):.2f} GB on disk", flush=True)
    seconds, _, text = timed(two, "--cores", "2", *extra)
    left = "nothing" if "Nothing to be done" in text else "SOMETHING"
    print(f"second run           {seconds:6.1f} s, {left} to be done")
    seconds, _, text = timed(two, "--dry-run", "--quiet", "--configfile", str(ROOT / "config" / "paper.yaml"))
    print(f"dry run of the paper {seconds:6.1f} s (wanted: 10 or less)", flush=True)
    if options.both:
        seconds, _, _ = timed(one, "--cores", "1", *extra)
        made = tables(two)
        verdict = "equal" if made and tables(one) == made else "DIFFERENT"
        print(f"first run, 1 core    {seconds / 60:6.1f} min, {len(made)} table CSVs {verdict}")


if __name__ == "__main__":
    main()
