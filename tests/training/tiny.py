"""A crop store of a few random images in a real layout, and a recipe that trains on it in seconds."""

from pathlib import Path

import numpy as np
import pandas as pd
import torch

from cwamsn import tables
from cwamsn.config import load_schema, resolve
from cwamsn.crops.store import ShardWriter
from cwamsn.files import write_json
from cwamsn.paths import ScreenPaths
from cwamsn.recipes import recipe_of
from cwamsn.training import Recipe
from cwamsn.training.data import ChannelStatistics
from cwamsn.training.loader import PairImages
from cwamsn.training.sampler import Pairs

ROOT = Path(__file__).resolve().parents[2]
CHANNELS = ("a", "b", "c", "d", "e")
STATISTICS = ChannelStatistics([120.0] * 5, [60.0] * 5, list(CHANNELS))
SMALL = {
    "batch_size": 8,
    "steps": 6,
    "epochs": 10,
    "warmup_epochs": 2,
    "rand_size": 32,
    "focal_size": 16,
    "focal_views": 2,
    "encoder_options": {"embed_dim": 24, "depth": 2, "num_heads": 2, "patch_size": 8},
    "encoder": "vit_tiny_patch16_224",
    "hidden_dim": 32,
    "output_dim": 16,
    "prototypes": 12,
    "log_every": 2,
}


def recipe(**changes):
    """The recipe of the default configuration, small, with these keys of the section `training`."""
    schema = load_schema(ROOT / "config" / "schemas")
    return Recipe.from_config(recipe_of(resolve({}, schema)["training"], {"recipe": SMALL | changes}))


def same_pairs(views, seed, step, total, images, share=None):
    """What `views` cuts of a step: `images` of this process's share, each its own target, and what was drawn."""
    numbers, share = np.arange(total), share or slice(0, total)
    drawn = views.draw(seed, step, total, share)
    drawn.small["perturbation"] = torch.from_numpy(numbers[share])
    return PairImages(step, Pairs(numbers, numbers, numbers), share, *images, drawn)


def wells_frame(perturbations=12, plates=4, controls=2, split="train"):
    """Each perturbation once a plate, at the same address; two plates an experiment."""
    rows = []
    for plate in range(plates):
        names = [f"P{i:02d}" for i in range(perturbations)] + ["DMSO"] * controls
        for i, name in enumerate(names):
            address = f"{chr(65 + i // 12)}{i % 12 + 1:02d}"
            rows.append(
                {
                    "well_id": f"plate{plate}_{address}",
                    "screen": "tiny",
                    "experiment": f"exp{plate // 2}",
                    "plate": f"plate{plate}",
                    "address": address,
                    "row": i // 12 + 1,
                    "column": i % 12 + 1,
                    "plate_map": "M1",
                    "perturbation_type": "COMPOUND",
                    "perturbation": name,
                    "control": "negative" if name == "DMSO" else None,
                    "treatment": name,
                    "concentration": 1.0,
                    "split": split,
                }
            )
    return pd.DataFrame(rows)


def crops_frame(wells, sites=2, size=(40, 48)):
    parts = []
    for site in range(sites):
        part = wells[["well_id", "perturbation", "plate", "split"]].copy()
        part["field_id"] = part["well_id"] + f"_s{site}"
        parts.append(part)
    frame = pd.concat(parts, ignore_index=True)
    frame["crop_id"] = frame["field_id"]
    return frame.assign(
        shard="crops/p0/crops.arrow",
        shard_row=np.arange(len(frame)),
        y=0,
        x=0,
        height=size[0],
        width=size[1],
        saturation=0.0,
        focus=1.0,
    )


def write_store(folder, wells=None, size=(40, 48), **changes):
    """Write a screen to `folder` and return its paths."""
    folder = Path(folder)
    wells = wells_frame() if wells is None else wells
    crops = crops_frame(wells, size=size)
    shard = folder / "crops" / "p0" / "crops.arrow"
    shard.parent.mkdir(parents=True)
    rng = np.random.default_rng(0)
    look = {p: rng.integers(0, 180, (5, 1, 1)) for p in sorted(wells["perturbation"].dropna().unique())}
    with ShardWriter(shard, CHANNELS, "zstd") as writer:
        for crop_id, perturbation in zip(crops["crop_id"], crops["perturbation"]):
            image = look[perturbation] + rng.integers(0, 60, (5, *size))
            writer.add(crop_id, image.astype(np.uint8))
    tables.write(crops, "crops", folder / "crops.parquet")
    tables.write(wells, "wells", folder / "wells.parquet")
    write_json(STATISTICS._asdict(), folder / "statistics.json")
    return ScreenPaths(folder)
