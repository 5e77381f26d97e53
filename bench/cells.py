"""Counting the cells of a field: processor time per field, and real counts beside CellProfiler's.

`python -m bench.cells [FOLDER]`; FOLDER holds public images (docs/data.md), `lincs_a549` and `bray/field` among them.
"""

import sys
from pathlib import Path

import imagecodecs
import numpy as np
import pandas as pd
import tifffile

from bench._measure import best
from cwamsn.crops import compress_to_uint8
from cwamsn.crops.cells import find_nuclei, typical_diameter
from cwamsn.screen_specs.simulated import SimulatedBraySpec
from cwamsn.simulate import bray


def main(folder: Path | None) -> None:
    spec = SimulatedBraySpec(field_height=520, field_width=696, cell_diameter=50)
    simulation = bray.simulation(spec)
    plane = compress_to_uint8(simulation.field(simulation.design["well_id"].iloc[5], 0)[-1])
    show("simulated field of Bray's size", plane, typical_diameter([plane]) or 25)
    if folder is None:
        return
    plane = compress_to_uint8(tifffile.imread(folder / "bray" / "field" / "Hoechst.tif"))
    show("field of Bray", plane, typical_diameter([plane]) or 25)
    planes, known = [], []
    for path in sorted((folder / "lincs_a549").glob("locations/*/*-Nuclei.csv")):
        row, column, site = ord(path.name[0]) - 64, int(path.name[1:3]), int(path.name.split("-")[1])
        image = f"images/{path.parent.name}/r{row:02d}c{column:02d}f{site:02d}p01-ch1sk1fk1fl1.png"
        planes.append(imagecodecs.imread(folder / "lincs_a549" / image))
        known.append(len(pd.read_csv(path)))
    diameter = typical_diameter(planes[:9]) or 28
    show("field of LINCS", planes[0], diameter)
    counts, wanted = np.array([len(find_nuclei(plane, diameter)) for plane in planes]), np.array(known)
    correlation, difference = np.corrcoef(counts, wanted)[0, 1], np.abs(counts / wanted - 1).mean()
    print(f"{len(planes)} fields of LINCS: {counts.sum():,} nuclei, CellProfiler {wanted.sum():,}")
    print(f"correlation {correlation:.3f}, mean difference per field {difference:.1%}")


def show(what: str, plane: np.ndarray, diameter: float) -> None:
    """One line: size, nuclei, time to count them and to measure how large they are."""
    count = best(lambda: find_nuclei(plane, diameter))
    size = best(lambda: typical_diameter([plane]), 5)
    height, width = plane.shape
    print(
        f"{what}, {height} x {width}: {len(find_nuclei(plane, diameter))} nuclei of {diameter:.0f} pixels, "
        f"{count:.1f} ms per field; {size:.0f} ms to measure their size"
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
