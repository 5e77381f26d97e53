"""A 384-well plate checked: images decoded and judged per second, and the whole command with a sample of 50 fields.

OMP_NUM_THREADS=1 python -m bench.check

The plate is 384 wells x 9 fields x 5 channels of 1080 x 1080 pixels, 16 bit: 17,280 names in 40 files (hard links to
eight fields), TIFF without compression and with LZW. The images are windows of the real JUMP images of the test data,
which is drawn where it is absent.
"""

import csv
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import tifffile

from bench._measure import interleaved
from tests.checks.plates import drawn
from tests.conftest import SHARED

STAINS = {"Mito": 1, "AGP": 2, "RNA": 3, "ER": 4, "DNA": 5}
FIELDS, SITES, SIDE = 8, 9, 1080


def picture(number: int, stain: str) -> np.ndarray:
    """(1080, 1080) uint16: a real image turned and shifted, so that no two fields have the same pixels."""
    found = sorted((SHARED / "data" / "jump_u2os").rglob(f"*-ch{STAINS[stain]}sk*.tiff"))
    if not found:
        return drawn((number, STAINS[stain]), SIDE)
    image = tifffile.imread(found[number % len(found)])
    return np.ascontiguousarray(np.roll(np.rot90(image, number // len(found)), 37 * number, axis=1))


def write_plate(folder: Path, compression: str | None) -> None:
    """The plate, its load_data.csv and platemap.csv."""
    for number in range(FIELDS):
        for stain in STAINS:
            tifffile.imwrite(folder / f"{number}-{stain}.tif", picture(number, stain), compression=compression)
    wells = [f"{chr(65 + row)}{column:02d}" for row in range(16) for column in range(1, 25)]
    rows, at = [], 0
    for well in wells:
        for site in range(1, SITES + 1):
            row = {"Metadata_Plate": "P1", "Metadata_Well": well, "Metadata_Site": site}
            for stain in STAINS:
                row[f"FileName_Orig{stain}"] = f"{well}-{site}-{stain}.tif"
                os.link(folder / f"{at % FIELDS}-{stain}.tif", folder / row[f"FileName_Orig{stain}"])
            rows.append(row)
            at += 1
    write_csv(folder / "load_data.csv", rows)
    maps = [
        {"well_position": w, "broad_sample": "DMSO" if w[1:] == "01" else f"X{i // 2}"} for i, w in enumerate(wells)
    ]
    write_csv(folder / "platemap.csv", [row | {"mmoles_per_liter": ""} for row in maps])


def write_csv(path: Path, rows: list[dict]) -> None:
    with path.open("w", newline="") as file:
        table = csv.DictWriter(file, list(rows[0]))
        table.writeheader()
        table.writerows(rows)


def command(folder: Path, *words: str) -> tuple[float, float]:
    """(processor time, wall time) of `cwamsn check` in a process of its own, seconds."""
    code = "import sys; from cwamsn.cli.main import main; sys.exit(main(sys.argv[1:]))"
    tables = [
        str(folder / "load_data.csv"),
        "--platemap",
        str(folder / "platemap.csv"),
        "--page",
        str(folder / "c.html"),
    ]
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([sys.executable, "-c", code, "check", *tables, *words], capture_output=True)
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall


def rates(folder: Path) -> tuple[float, float]:
    """(images decoded and converted, the same with all that a check judges) per second of one core."""
    from cwamsn.crops import CropOptions, FieldReader, judge_field
    from cwamsn.screens import PlaneReader

    with PlaneReader() as planes:
        options = CropOptions(channels=list(STAINS))
        reader = FieldReader([[stain] for stain in STAINS], "mean", planes, options)
        field = {f"uri_{stain}": str(folder / f"0-{stain}.tif") for stain in STAINS}
        times = interleaved(
            {"read": lambda: reader.read(field), "judge": lambda: judge_field(reader, field, options)}, repeats=10
        )
    return 1000 * len(STAINS) / times["read"], 1000 * len(STAINS) / times["judge"]


def main() -> None:
    for compression in (None, "lzw"):
        with tempfile.TemporaryDirectory() as name:
            folder, label = Path(name), f"compression {compression or 'none'}"
            write_plate(folder, compression)
            read, judged = rates(folder)
            print(f"{label}: {read:.0f} images per second and core decoded and converted")
            print(f"{label}: {judged:.0f} with all that a check judges (wanted: at least 60)")
            cpu, wall = min(command(folder, "--sample", "50", "--jobs", "1") for _ in range(3))
            print(
                f"{label}: cwamsn check --sample 50 of 17,280 images: {cpu:.1f} s of processor time, {wall:.1f} s by "
                "the clock (wanted: at most 5)"
            )


if __name__ == "__main__":
    main()
