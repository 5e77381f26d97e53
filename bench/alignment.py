"""Time and memory of import, alignment and pooling at the size of RxRx3-core: 222,601 wells x 384 features.

    python bench/alignment.py [wells]

Writes a synthetic embeddings file (as OpenPhenom's is laid out) and a wells table to a temporary folder, runs each step
in a process of its own and prints seconds, processor seconds and peak memory, and what the machine reaches in a matrix
product.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from cwamsn import tables
from cwamsn.alignment import aggregate, align
from cwamsn.embeddings import load_features, read_embeddings

FEATURES = 384


def make(folder: Path, n: int) -> None:
    """RxRx3-core in numbers: 176 gene experiments, 4 compound experiments, 735 genes, 1,674 compounds at 8 doses."""
    rng = np.random.default_rng(0)
    crispr = np.arange(n) < n * 0.57
    experiment = np.where(crispr, rng.integers(1, 177, n), 177 + rng.integers(0, 4, n))
    control = rng.random(n) < np.where(crispr, 0.2, 0.1)
    gene = np.char.add("gene", rng.integers(0, 735, n).astype(str))
    compound = np.char.add("compound", rng.integers(0, 1674, n).astype(str))
    doses = np.array([0.0025, 0.01, 0.025, 0.1, 0.25, 1.0, 2.5, 10.0])[rng.integers(0, 8, n)]
    wells = pd.DataFrame(
        {
            "well_id": [f"exp-{e:03d}_{i // 1536 % 48}_W{i}" for i, e in enumerate(experiment)],
            "screen": "synthetic",
            "experiment": np.char.add("exp-", experiment.astype(str)),
            "plate": (np.arange(n) // 1536 % 48).astype(str),
            "address": "A01",
            "row": 1,
            "column": 1,
            "perturbation_type": np.where(crispr, "CRISPR", "COMPOUND"),
            "perturbation": np.where(control, "EMPTY_control", np.where(crispr, gene, compound)),
            "control": np.where(control, "negative", None),
            "treatment": None,
            "split": None,
            "guide": np.where(crispr & ~control, gene, None),
            "concentration": np.where(crispr | control, np.nan, doses),
        }
    )
    tables.write(wells, "wells", folder / "wells.parquet")
    values = rng.standard_normal((n, FEATURES), dtype=np.float32)
    values += rng.standard_normal((181, FEATURES), dtype=np.float32)[experiment]
    frame = pd.DataFrame(values, columns=[f"feature_{i}" for i in range(FEATURES)])
    frame.insert(0, "well_id", wells["well_id"])
    frame.sample(frac=1, random_state=0).to_parquet(folder / "given.parquet", index=False)


def clock(what: str, start: tuple[float, float]) -> tuple[float, float]:
    seconds, processor = (now - then for now, then in zip((time.perf_counter(), time.process_time()), start))
    print(f"  {what:34s} {seconds:6.2f} s, {processor:6.2f} s of processor", flush=True)
    return time.perf_counter(), time.process_time()


def run_import(folder: Path) -> None:
    t = time.perf_counter(), time.process_time()
    wells = tables.read("wells", folder / "wells.parquet")
    t = clock("read wells", t)
    frame, counts = read_embeddings(folder / "given.parquet", {}, wells)
    t = clock("read and match embeddings", t)
    tables.write(frame, "embeddings", folder / "embeddings.parquet")
    clock(f"write ({counts['matched']} wells)", t)


def run_align(folder: Path) -> None:
    t = time.perf_counter(), time.process_time()
    features, wells = load_features(folder / "embeddings.parquet", tables.read("wells", folder / "wells.parquet"))
    t = clock("read", t)
    aligned = align(features, wells)
    t = clock("align (pca-center-scale)", t)
    frame = aggregate(aligned, wells)
    t = clock(f"aggregate ({len(frame)} rows)", t)
    tables.write(frame, "map", folder / f"map{os.environ.get('OMP_NUM_THREADS', 2)}.parquet")
    clock("write", t)


def report_memory() -> None:
    print(f"  peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB", flush=True)


if __name__ == "__main__":
    if len(sys.argv) > 2:
        {"make": lambda f: make(f, int(sys.argv[3])), "import": run_import, "align": run_align}[sys.argv[1]](
            Path(sys.argv[2])
        )
        report_memory()
        raise SystemExit
    n = sys.argv[1] if len(sys.argv) > 1 else "222601"
    with tempfile.TemporaryDirectory() as folder:
        for step, threads in (("make", "1"), ("import", "1"), ("align", "1"), ("align", "2")):
            print(f"{step}, {threads} thread(s)", flush=True)
            subprocess.run(
                [sys.executable, __file__, step, folder, n], check=True, env=os.environ | {"OMP_NUM_THREADS": threads}
            )
        one, two = (tables.read("map", Path(folder) / f"map{t}.parquet") for t in "12")
        features = tables.feature_columns(one.columns)
        a, b = (m[features].to_numpy() for m in (one, two))
        unit_a, unit_b = (m[:736] / np.linalg.norm(m[:736], axis=1, keepdims=True) for m in (a, b))
        print(
            "largest difference of a cosine between 1 and 2 threads: "
            f"{np.abs(unit_a @ unit_a.T - unit_b @ unit_b.T).max():.1e}"
        )
        a = np.random.default_rng(0).standard_normal((4096, FEATURES))
        start = time.perf_counter()
        for _ in range(10):
            a.T @ a
        print(
            f"this machine: {10 * 2 * a.size * FEATURES / (time.perf_counter() - start) / 1e9:.0f} GFLOP/s in float64"
        )
