"""A small crop store on disk."""

from pathlib import Path

import numpy as np
import pandas as pd

from cwamsn import tables
from cwamsn.crops.store import ShardWriter

CHANNELS = ("Mito", "ER", "DNA")


def write_store(folder: Path, wells: dict[str, list[np.ndarray]], channels: tuple[str, ...] = CHANNELS) -> Path:
    """Write crops by well (`<plate>_<address>`), (C, H, W) uint8, and return the path of their table."""
    rows = []
    (folder / "crops").mkdir(parents=True, exist_ok=True)
    with ShardWriter(folder / "crops" / "crops.arrow", channels, "lz4") as shard:
        for well, crops in wells.items():
            for site, crop in enumerate(crops, 1):
                name = f"{well}-{site}"
                rows.append(
                    {
                        "crop_id": name, "field_id": name, "well_id": well, "plate": well.split("_")[0],
                        "shard": "crops/crops.arrow", "shard_row": shard.add(name, crop), "y": 0, "x": 0,
                        "height": crop.shape[1], "width": crop.shape[2], "saturation": 0.0, "focus": 0.0,
                        "perturbation": "A", "split": None,
                    }
                )  # fmt: skip
    tables.write(pd.DataFrame(rows), "crops", folder / "crops.parquet")
    return folder / "crops.parquet"


def noise(seed: int, height: int = 64, width: int = 96, channels: int = 3, top: int = 256) -> np.ndarray:
    """(C, H, W) uint8 of random grey levels below `top`."""
    return np.random.default_rng(seed).integers(0, top, (channels, height, width), dtype=np.uint8)
