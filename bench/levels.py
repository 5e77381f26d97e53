"""Retrieval at all levels, enrichment of mechanisms and the kNN probe at full size, and what copairs needs.

    python -m bench.levels retrieval             153,370 wells x 384 features, four levels, two kinds of distractors
    python -m bench.levels retrieval --share .02   the same for a fiftieth of the queries, all wells as candidates
    python -m bench.levels copairs --wells 3072  copairs and this package on the same wells, against all other wells
    python -m bench.levels enrichment            30,000 compounds x 384 features, mechanisms at NR, NSB and NSS
    python -m bench.levels knn                   the 58 nearest of 222,601 wells x 384 features

Layout: plates of 378 wells, 64 of them controls, four plates per plate map (the batch), two sources; every second
plate has its treatments moved, so that every level exists. Vectors are noise with an effect per compound.
Set OMP_NUM_THREADS=1: threads are the option `--threads`.
"""

import argparse
import resource
import sys
import time
from collections.abc import Callable

import numpy as np
import pandas as pd

PLATES, TREATED, CONTROLS, PER_MAP = 406, 314, 64, 4
WELLS, FEATURES = 153_370, 384


def screen(wells: int = WELLS, features: int = FEATURES) -> tuple[np.ndarray, pd.DataFrame]:
    """Vectors and wells of a screen with Bray's numbers."""
    rng = np.random.default_rng(0)
    plates = -(-wells // (TREATED + CONTROLS))
    plate = np.repeat(np.arange(plates), TREATED + CONTROLS)[:wells]
    place = np.tile(np.arange(TREATED + CONTROLS), plates)[:wells]
    moved = np.where(plate % 2 == 1, (place + 7) % TREATED, place)
    compound = np.where(place < TREATED, plate // PER_MAP % max(1, plates // PER_MAP // 2) * TREATED + moved, -1)
    names = pd.Series(compound).map(lambda c: f"c{c}" if c >= 0 else "DMSO")
    table = pd.DataFrame(
        {
            "well_id": [f"{p:03d}_{i:03d}" for p, i in zip(plate, place)],
            "experiment": [f"map{p // PER_MAP}" for p in plate],
            "source": [f"source_{p // PER_MAP * 2 // max(1, plates // PER_MAP)}" for p in plate],
            "plate": plate.astype(str),
            "address": [f"{chr(65 + i // 24)}{i % 24 + 1:02d}" for i in place],
            "row": place // 24 + 1,
            "column": place % 24 + 1,
            "perturbation": names,
            "perturbation_type": "COMPOUND",
            "control": np.where(compound < 0, "negative", None),
            "concentration": 5.0,
        }
    )
    effects = rng.normal(size=(compound.max() + 2, features)).astype(np.float32)
    vectors = rng.normal(size=(wells, features)).astype(np.float32) + 0.5 * effects[compound]
    return vectors, table


def timed(what: str, call: Callable[[], object]) -> object:
    wall, cpu = time.perf_counter(), time.process_time()
    found = call()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{what}: {cpu:.1f} s of processor time, {wall:.1f} s wall, peak {peak:.2f} GiB", flush=True)
    return found


def retrieval(given: argparse.Namespace) -> None:
    from cwamsn.benchmarks.stringency import RetrievalOptions, retrieve, summarise

    vectors, wells = screen(given.wells)
    chosen = np.random.default_rng(1).random(len(wells)) < given.share
    options = RetrievalOptions(threads=given.threads)
    what = f"retrieval, {len(wells):,} wells, {chosen.sum():,} of them drawn as queries"
    table = timed(what, lambda: retrieve(vectors, wells, options, queries=chosen))
    assert isinstance(table, pd.DataFrame)
    found = timed("its summary, 1,000 resamples", lambda: summarise(table))
    assert isinstance(found, pd.DataFrame)
    print(found[found["metric"] == "recall_at_1"].to_string(index=False))


def copairs(given: argparse.Namespace) -> None:
    from copairs.map import average_precision

    from cwamsn.benchmarks.stringency import RetrievalOptions, retrieve

    vectors, wells = screen(given.wells)
    treated = wells["control"].isna().to_numpy()
    vectors, wells = vectors[treated], wells[treated].reset_index(drop=True)
    print(f"{len(wells):,} treated wells, level NR: replicates against wells of all other perturbations")
    options = RetrievalOptions(levels=["NR"], distractors=["perturbations"], threads=given.threads)
    timed("this package", lambda: retrieve(vectors, wells, options))
    keys = (["perturbation"], [], [], ["perturbation"])  # same and different for positives, then for negatives
    timed("copairs", lambda: average_precision(wells, vectors, *keys, progress_bar=False))


def enrichment(given: argparse.Namespace) -> None:
    from cwamsn.benchmarks.bootstrap import BootstrapOptions
    from cwamsn.benchmarks.enrichment.consensus import consensus
    from cwamsn.benchmarks.enrichment.ranking import rank_partners, retrieved_for
    from cwamsn.benchmarks.enrichment.relations import of_labels
    from cwamsn.benchmarks.enrichment.summary import enrich, summarise

    rng, count = np.random.default_rng(0), given.compounds
    items = pd.Series(np.repeat([f"c{i:05d}" for i in range(count)], 4))
    batches = pd.Series(np.tile([f"b{i}" for i in range(4)], count))
    vectors = rng.normal(size=(len(items), FEATURES)).astype(np.float32)
    labels = pd.Series([f"m{i}" for i in rng.integers(0, count // 3, count)], index=sorted(items.unique()))
    names = list(labels.index)

    def level(columns: list[pd.Series]) -> pd.DataFrame:
        profiles = consensus(vectors, items, columns)
        retrieved = retrieved_for(len(names) - 1, least=2)
        queries = rank_partners(profiles, of_labels(names, labels), bool(columns), given.threads)
        table = enrich(queries, retrieved, "exact")
        return summarise(table, retrieved, BootstrapOptions())

    timed(f"enrichment at NR, {count:,} compounds", lambda: level([]))
    timed(f"enrichment at NSB, {len(items):,} profiles in 4 batches", lambda: level([batches]))


def knn(given: argparse.Namespace) -> None:
    from cwamsn.benchmarks.neighbours import nearest_rows

    vectors = np.random.default_rng(1).normal(size=(given.rows, FEATURES)).astype(np.float32)
    timed(
        f"50 nearest of {given.rows:,} rows, {given.threads} threads", lambda: nearest_rows(vectors, 50, given.threads)
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["retrieval", "copairs", "enrichment", "knn"])
    parser.add_argument("--wells", type=int, default=WELLS)
    parser.add_argument("--rows", type=int, default=222_601)
    parser.add_argument("--compounds", type=int, default=30_000)
    parser.add_argument("--share", type=float, default=1.0)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    sys.exit(globals()[arguments.what](arguments))
