"""A small screen of drawn pictures, which a test damages in one way and checks."""

from pathlib import Path

import numpy as np
import pandas as pd
import tifffile

from cwamsn.checks import check_screen
from cwamsn.screen_specs import parse_spec

STAINS = ("DNA", "ER", "RNA", "AGP", "Mito")
WELLS = {"A01": "DMSO", "A02": "DMSO", "A03": "DMSO", "A04": "DMSO", "B01": "X", "B02": "X", "C01": "Y", "C02": "Y"}


def drawn(seed, size=96):
    """Spots on a noisy background, 12 bits."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size]
    out = rng.poisson(120, (size, size)).astype(float)
    for cy, cx, height in zip(*rng.uniform(0, size, (2, 25)), rng.uniform(500, 3500, 25)):
        out += height * np.exp(-((y - cy) ** 2 + (x - cx) ** 2) / 18)
    return out.clip(0, 4095).astype(np.uint16)


class Lab:
    """Two plates of eight wells (four DMSO) and one site; images below `root`, written when `check` is called."""

    def __init__(self, root: Path, plates=("P1", "P2"), wells=WELLS):
        self.root = root
        self.images = {}
        self.written = False
        rows = []
        for p, plate in enumerate(plates):
            for w, well in enumerate(wells):
                row = {"Metadata_Plate": plate, "Metadata_Well": well, "Metadata_Site": 1}
                for c, stain in enumerate(STAINS):
                    row[f"FileName_Orig{stain}"] = f"{plate}_{well}_{stain}.tif"
                    self.images[plate, well, stain] = (p, w, c)
                rows.append(row)
        self.table = pd.DataFrame(rows)
        self.map = pd.DataFrame(
            [
                {"well_position": w, "broad_sample": x, "mmoles_per_liter": "" if x == "DMSO" else "0.01"}
                for w, x in wells.items()
            ]
        )
        self.map.loc[self.map["broad_sample"] == "DMSO", "mmoles_per_liter"] = ""

    def path(self, plate, well, stain):
        return self.root / f"{plate}_{well}_{stain}.tif"

    def write(self):
        """Images once, so that a test can damage them; the tables each time."""
        for key, seed in self.images.items() if not self.written else ():
            tifffile.imwrite(self.path(*key), seed if isinstance(seed, np.ndarray) else drawn(seed))
        self.written = True
        self.table.to_csv(self.root / "load_data.csv", index=False)
        self.map.to_csv(self.root / "platemap.csv", index=False)

    def spec(self, **more):
        here = {"load_data": str(self.root / "load_data.csv"), "platemap": str(self.root / "platemap.csv")}
        return parse_spec({"source": "load-data", "channels": {s: s for s in STAINS}} | here | more)

    def check(self, keys=None, **how):
        self.write()
        return check_screen(self.spec(**(keys or {})), name="lab", **how)


def said(report, level=None):
    """Texts of the findings, of one level or of errors and warnings."""
    return [f.text for f in report.findings if (f.level == level if level else f.level != "info")]
