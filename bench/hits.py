"""Neighbours and hits: time, and how often nothing is called something.

python -m bench.hits [time|layouts|alignments ...]

`time`: processor time of `neighbours` on 30,000 × 384, one thread (at most 5 s), and of `activity` on 384-well plates.
`layouts`: share of perturbations without any effect with p <= .05 and .01, by permuted labels and by copairs' random
ranks, for several numbers of plates and controls. `alignments`: the same where the negatives are controls that the
alignment was fitted on, and where they are not.
"""

import argparse
import logging
import tempfile
import time
from functools import partial
from pathlib import Path

from bench._measure import best  # first: it sets the threads

# isort: split
import numpy as np
import pandas as pd

from cwamsn.alignment import METHODS, align
from cwamsn.hits import ActivityOptions, activity, neighbours
from cwamsn.hits.held_out import split_controls
from cwamsn.profiles import read_profiles, well_profiles, write_parquet

REPEATS = 20  # screens per layout
PERTURBATIONS = 25


def wells_of(plates: int, batches: int, perturbations: int, controls: int) -> pd.DataFrame:
    """Wells of `plates` plates in each batch; a plate holds every perturbation once."""
    names = [*(f"t{i:05d}" for i in range(perturbations)), *["DMSO"] * controls]
    parts = [
        pd.DataFrame({"experiment": f"e{b}", "plate": f"e{b}p{p}", "perturbation": names})
        for b in range(batches)
        for p in range(plates)
    ]
    wells = pd.concat(parts, ignore_index=True)
    place = np.arange(len(wells)) % len(names)
    fixed = {"screen": "s", "treatment": None, "split": None, "perturbation_type": "COMPOUND"}
    return wells.assign(
        well_id=[f"w{i:06d}" for i in range(len(wells))],
        control=np.where(wells["perturbation"] == "DMSO", "negative", None),
        row=place // 24 + 1,
        column=place % 24 + 1,
        address=[f"A{i}" for i in place],
        **fixed,
    )


def vectors(wells: pd.DataFrame, size: int, rng: np.random.Generator) -> np.ndarray:
    """Vectors of wells without any effect: twenty directions of variation, noise, effects of batch and plate."""
    basis = rng.normal(size=(20, size)) / np.sqrt(20)
    out = rng.normal(size=(len(wells), 20)) * np.linspace(2, 0.5, 20) @ basis + 0.3 * rng.normal(
        size=(len(wells), size)
    )
    for name, strength in (("experiment", 1.0), ("plate", 0.3)):
        codes = pd.factorize(wells[name])[0]
        out += strength * rng.normal(size=(codes.max() + 1, size))[codes]
    return out


def show_time() -> None:
    """30,000 × 384 as perturbations of one, four and ten wells; in memory, and from a Parquet file."""
    rng = np.random.default_rng(0)
    for plates, perturbations in ((1, 30000), (4, 7500), (10, 3000)):
        wells = wells_of(plates, 1, perturbations, 0)
        features = rng.normal(size=(len(wells), 384)).astype(np.float32)
        milliseconds = best(partial(neighbours, features, wells, ["t00007"]), 3)
        print(f"neighbours, {perturbations} perturbations of {plates} wells, 384 features: {milliseconds / 1000:.2f} s")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "wells.parquet"
        frame = pd.DataFrame(features, columns=[f"feature_{i}" for i in range(384)]).assign(well_id=wells["well_id"])
        write_parquet(well_profiles(frame, wells), path)
        print(f"reading its Parquet file: {best(partial(read_profiles, path), 3) / 1000:.2f} s")
    wells = wells_of(4, 2, 352, 32)
    features = vectors(wells, 384, rng)
    start = time.process_time()
    activity(features, wells)
    print(
        f"activity, 8 plates of 384 wells, 352 perturbations, 10,000 permutations: {time.process_time() - start:.1f} s"
    )


def shares(p_values: list[np.ndarray]) -> str:
    """Share with p <= .05, and <= .01."""
    values = np.concatenate(p_values)
    return f"{(values <= 0.05).mean():5.3f} {(values <= 0.01).mean():5.3f}"


def show_layouts() -> None:
    """False positives by layout, without plate effects, so that all wells are exchangeable."""
    print("plates controls  permuted (.05 .01)  copairs (.05 .01)")
    for plates, controls in ((2, 4), (2, 16), (4, 8), (4, 32), (8, 16)):
        found: dict[str, list[np.ndarray]] = {"permutation": [], "copairs": []}
        for seed in range(REPEATS):
            wells = wells_of(plates, 1, PERTURBATIONS, controls)
            features = np.random.default_rng(seed).normal(size=(len(wells), 64))
            for null, values in found.items():
                table = activity(features, wells, ActivityOptions(p_values=null, null_size=999))
                values.append(table["p_value"].to_numpy())
        print(f"{plates:6} {controls:8}  {shares(found['permutation']):>18}  {shares(found['copairs']):>17}")


def show_alignments() -> None:
    """False positives by alignment: controls that it was fitted on as negatives, and others."""
    print("batches plates controls  alignment           seen (.05 .01)  held out (.05 .01)")
    for batches, plates, controls in ((1, 4, 32), (4, 1, 32)):
        for method in METHODS[:-1]:  # harmony takes minutes
            seen, held = [], []
            for seed in range(REPEATS):
                wells = wells_of(plates, batches, PERTURBATIONS, controls)
                features = vectors(wells, 384, np.random.default_rng(seed))
                fit, out = split_controls(wells, 0.5, seed)
                options = ActivityOptions(null_size=499, seed=seed)
                seen.append(activity(align(features, wells, method), wells, options)["p_value"].to_numpy())
                aligned = align(features, wells, method, fit=fit)
                held.append(activity(aligned, wells, options, negatives=out)["p_value"].to_numpy())
            print(f"{batches:7} {plates:6} {controls:8}  {method:18}  {shares(seen):>14}  {shares(held):>18}")


SHOWN = {"time": show_time, "layouts": show_layouts, "alignments": show_alignments}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.hits", description=__doc__)
    parser.add_argument("what", nargs="*", choices=[*SHOWN, []], help="default: all")
    logging.disable(logging.CRITICAL)  # notes on few controls
    for name in parser.parse_args().what or SHOWN:
        SHOWN[name]()


if __name__ == "__main__":
    main()
