"""A small screen of two plates, with everything that a wells table can say."""

import numpy as np
import pandas as pd

from cwamsn.profiles import Profiles, about_screen, align_profiles, well_profiles

PLATES, COLUMNS, D = 2, 12, 8


def wells():
    rows = []
    for plate in range(PLATES):
        for i in range(4 * COLUMNS):
            row, column = i // COLUMNS + 1, i % COLUMNS + 1
            treated = column > 4
            compound = f"BRD-{column:03d}" if treated else "DMSO"
            address = f"{'ABCD'[row - 1]}{column:02d}"
            rows.append(
                {
                    "well_id": f"0{plate}17_{address}", "screen": "own", "experiment": f"batch{plate}",
                    "plate": f"0{plate}17", "address": address, "row": row, "column": column,
                    "perturbation_type": "COMPOUND", "perturbation": compound, "treatment": compound,
                    "control": None if treated else "negative", "split": None, "gene": None,
                    "smiles": "C" * column if treated else None,
                    "concentration": (0.1 if row < 3 else 2.5) if treated else np.nan,
                }
            )  # fmt: skip
    return pd.DataFrame(rows)


def embeddings(wells, seed=0):
    rng = np.random.default_rng(seed)
    effects = 2 * rng.standard_normal((COLUMNS + 1, D)) * (np.arange(COLUMNS + 1) > 4)[:, None]  # controls have none
    values = rng.standard_normal((len(wells), D)) + effects[wells["column"]]
    frame = pd.DataFrame(values.astype(np.float32), columns=[f"feature_{i}" for i in range(D)])
    frame.insert(0, "well_id", wells["well_id"].to_numpy())
    return frame


def profiles() -> Profiles:
    table = wells()
    extra = pd.DataFrame({"well_id": table["well_id"], "FieldCount": 9, "moa": "kinase inhibitor", "is_plate_2": False})
    about = {
        "encoder": {"name": "tiny", "sha256": "0" * 64, "channels": ["DNA", "ER"]},
        "screen": about_screen("own", "simulated-bray"),
    }
    found = well_profiles(embeddings(table), table, extra=extra, about=about)
    return align_profiles(align_profiles(found, "center-scale"), "pca-center-scale@4")


def assert_equal(one: Profiles, other: Profiles) -> None:
    """Every part of two profiles is equal, types included."""
    pd.testing.assert_frame_equal(one.obs, other.obs)
    assert one.level == other.level
    assert one.names == other.names
    assert one.about == other.about
    assert list(one.aligned) == list(other.aligned)
    for mine, theirs in ((one.features, other.features), *((one.aligned[k], other.aligned[k]) for k in one.aligned)):
        assert mine.dtype == theirs.dtype == np.float32
        np.testing.assert_array_equal(mine, theirs)
