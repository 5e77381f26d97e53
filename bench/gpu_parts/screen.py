"""A training screen of full-size fields, made in seconds, without any file.

Some fields are drawn by the simulation of a Bray screen and brought to the contrast of the published example field, so
that they compress about as it does (to .65 with lz4). Every other field is one of them, shifted. The shards, the
tables and the statistics are written by the functions that write those of a real screen.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd

from cwamsn import tables
from cwamsn.crops import compress_to_uint8
from cwamsn.crops.qc import Measures, measure
from cwamsn.crops.statistics import channel_statistics, channel_sums
from cwamsn.crops.store import SHARD, ShardWriter
from cwamsn.files import write_json
from cwamsn.paths import ScreenPaths
from cwamsn.screen_specs import SimulatedBraySpec
from cwamsn.simulate import bray
from cwamsn.vocabulary import BRAY_STAINS

FULL = {"field_height": 520, "field_width": 696, "cell_diameter": 52}
CONTRAST, BLACK = 0.33, 24  # of the real field's grey levels
WELLS_PER_PERTURBATION = 2


def write_screen(folder: Path, *, small: bool) -> ScreenPaths:
    """Write the screen to `folder`: 1,024 fields of 520 × 696 px, or 64 of the simulation's small ones.

    Half as many perturbations as fields, each in two wells of different plates, a field per well.
    """
    spec = SimulatedBraySpec() if small else SimulatedBraySpec(**FULL)
    drawn, fields, plates = (8, 64, 2) if small else (32, 1024, 16)
    simulation = bray.simulation(spec)
    simulation.field(simulation.design["well_id"][0], 1)  # its textures, before the threads need them
    with ThreadPoolExecutor(min(_cores(), 16)) as pool:
        base = list(pool.map(lambda well: _field(simulation.field(well, 1)), simulation.design["well_id"][:drawn]))
        wells = _wells(fields, plates)
        parts = [part for _, part in wells.groupby("plate", sort=True)]
        written = list(pool.map(lambda part: _write_shard(folder, part, base), parts))
    screen, crops = ScreenPaths(folder), [row for plate in written for row, _ in plate]
    tables.write(wells.drop(columns="number"), "wells", screen.wells)
    tables.write(pd.DataFrame(crops), "crops", screen.crops)
    sums = channel_sums([pair for plate in written for pair in plate], BRAY_STAINS)
    write_json(channel_statistics([{"part": "all", **sums}]), screen.statistics)
    return screen


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _field(raw: np.ndarray) -> np.ndarray:
    converted = np.stack([compress_to_uint8(plane) for plane in raw])
    return np.rint(BLACK + CONTRAST * converted).astype(np.uint8)


def _wells(fields: int, plates: int) -> pd.DataFrame:
    number = np.arange(fields)
    perturbation, copy = number // WELLS_PER_PERTURBATION, number % WELLS_PER_PERTURBATION
    plate = (perturbation % (plates // WELLS_PER_PERTURBATION)) * WELLS_PER_PERTURBATION + copy
    position = perturbation // (plates // WELLS_PER_PERTURBATION)
    row, column = position // 24, position % 24
    name = pd.Series(plate).map("plate{}".format)
    address = [f"{chr(65 + r)}{c + 1:02d}" for r, c in zip(row, column)]
    treatment = [f"P{p:03d}" for p in perturbation]
    return pd.DataFrame(
        {
            "well_id": name.str.cat(address, sep="_"),
            "screen": "generated",
            "experiment": name,
            "plate": name,
            "address": address,
            "row": row + 1,
            "column": column + 1,
            "perturbation_type": "COMPOUND",
            "perturbation": treatment,
            "control": None,
            "treatment": treatment,
            "split": "train",
            "number": number,
        }
    )


def _write_shard(folder: Path, wells: pd.DataFrame, base: list[np.ndarray]) -> list[tuple[dict, Measures]]:
    """The shard of one plate; rows of the crops table, and the measures of each field."""
    shard, rows = Path("crops") / str(wells["plate"].iloc[0]) / SHARD, []
    (folder / shard).parent.mkdir(parents=True)
    with ShardWriter(folder / shard, BRAY_STAINS, "lz4") as writer:
        for well in wells.itertuples():
            shift = 7 * well.number % 191, 13 * well.number % 311
            crop = np.roll(base[well.number % len(base)], shift, axis=(1, 2))
            measures = measure(crop)
            row = {key: getattr(well, key) for key in ("well_id", "plate", "perturbation", "split")}
            row |= {"crop_id": f"{well.well_id}_s1", "field_id": f"{well.well_id}_s1", "shard": str(shard)}
            row |= {"shard_row": writer.add(row["crop_id"], crop), "y": 0, "x": 0}
            row |= {"height": crop.shape[1], "width": crop.shape[2]}
            row |= {"saturation": float(measures.saturation.max()), "focus": float(measures.focus.min())}
            rows.append((row, measures))
    return rows
