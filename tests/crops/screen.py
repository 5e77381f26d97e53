"""A small screen on disk: TIFF planes, fields and wells tables."""

from pathlib import Path

import numpy as np
import pandas as pd
import tifffile

from cwamsn import tables
from cwamsn.crops import ChannelMap, CropOptions, PlateOptions, gather_crops, write_crops
from cwamsn.paths import ScreenPaths, UnitPaths

CHANNELS = ["Mito", "ERSyto", "ERSytoBleed", "Ph_golgi", "Hoechst"]


def write_wells(folder: Path, plate: str, addresses: list[str], splits: list[str | None]) -> Path:
    frame = pd.DataFrame(
        {
            "well_id": [f"{plate}_{a}" for a in addresses],
            "screen": "test",
            "experiment": "map-1",
            "plate": plate,
            "address": addresses,
            "row": 1,
            "column": range(1, len(addresses) + 1),
            "perturbation_type": "COMPOUND",
            "perturbation": [f"compound-{a}" for a in addresses],
            "control": None,
            "treatment": None,
            "split": splits,
        }
    )
    path = folder / "wells.parquet"
    if path.exists():
        frame = pd.concat([tables.read("wells", path), frame], ignore_index=True)
    tables.write(frame, "wells", path)
    return path


def make_unit(
    folder: Path, name: str, planes: dict[str, np.ndarray], split: str | None = None, skipped=()
) -> UnitPaths:
    """A unit named `name` with one well and one field for each entry of `planes` (address → (C, H, W)).

    Returns its paths.
    """
    raw = folder / "raw" / name
    raw.mkdir(parents=True)
    rows = []
    for address, field in planes.items():
        row = {"field_id": f"{name}-{address}-1", "well_id": f"{name}_{address}", "site": 1}
        for channel, plane in zip(CHANNELS, field):
            row[f"uri_{channel}"] = str(raw / f"{address}_{channel}.tif")
            tifffile.imwrite(row[f"uri_{channel}"], plane)
        rows.append(row)
    columns = ["field_id", "well_id", "site", *(f"uri_{c}" for c in CHANNELS)]
    fields = folder / "fields" / f"{name}.parquet"
    tables.write(pd.DataFrame(rows, columns=columns), "fields", fields)
    skipped_path = folder / "fields" / f"{name}.skipped.parquet"
    pd.DataFrame(list(skipped), columns=["field_id", "well_id", "plate", "site", "reason"]).to_parquet(skipped_path)
    write_wells(folder, name, list(planes), [split] * len(planes))
    return ScreenPaths(folder).unit(name)


def random_field(seed: int, height: int = 40, width: int = 48, channels: int = 5) -> np.ndarray:
    """Smooth 12-bit planes with noise, so that differences and compression have something to find."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    waves = [1000 + 800 * np.sin(y / 7 + c + seed) * np.cos(x / 9 - c) for c in range(channels)]
    return np.clip(np.stack(waves) + rng.normal(0, 60, (channels, height, width)), 0, 4095).astype(np.uint16)


def write(
    unit: UnitPaths, sections: dict, channel_map: str | None = None, images=None, threads: int = 1, **changes
) -> None:
    """`write_crops` with the default configuration, `changes` to its section `crops` apart."""
    maps = {name: ChannelMap.from_config(entry) for name, entry in sections["channel_maps"].items()}
    write_crops(
        unit, CropOptions.from_config(sections["crops"] | changes), channel_map, maps, images=images, threads=threads
    )


def gather(units: list[UnitPaths], folder: Path, plates: dict | None = None) -> tuple[Path, Path, Path]:
    """`gather_crops` over `units`: paths of index, QC table and statistics."""
    screen = ScreenPaths(folder)
    gather_crops(screen, [unit.name for unit in units], PlateOptions.from_config(plates or {}))
    return screen.crops, screen.qc, screen.statistics


def published_conversion(image: np.ndarray) -> np.ndarray:
    """The published algorithm as its description reads, in plain steps, with the guards that it lacks."""
    n = max(1, round(image.size * 0.0028 / 100))
    threshold = float(sorted(image.ravel().tolist(), reverse=True)[n - 1])
    if threshold == 0:
        return np.where(image > 0, 255, 0).astype(np.uint8)
    scaled = image.astype(float) * (256.0 / threshold)
    scaled[scaled > 255] = 255
    return scaled.astype(np.uint8)
