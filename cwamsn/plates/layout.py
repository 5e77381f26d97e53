"""Where wells lie: plates by name, and the size of a plate."""

import numpy as np
import pandas as pd

from cwamsn.errors import InputError
from cwamsn.screens import parse_addresses

NO_BATCH = "no batch"
"""What wells are said to lie in whose batch is unknown."""
# Rows and columns of the plates that are made: 6 to 3,456 wells.
FORMATS = ((2, 3), (3, 4), (4, 6), (6, 8), (8, 12), (16, 24), (32, 48), (48, 72))


def plate_of_wells(wells: pd.DataFrame) -> np.ndarray:
    """(N,) name of each well's plate, unique in the screen.

    Ids of wells begin with it. Plates 1 to 48 of RxRx3-core repeat in every experiment, and the id of a well there
    begins with both. Where an id does not end with the well's address, the plate's own name is taken. A name that
    stands in several batches is that of several plates, as in :mod:`cwamsn.alignment`; each goes by its batch too.
    """
    head = wells["well_id"].astype(str).str.rpartition("_")
    named = (head[2] == wells["address"]) & (head[0] != "")
    plate = head[0].where(named, wells["plate"])
    if "experiment" not in wells:
        return np.asarray(plate.to_numpy(dtype=object))
    batch = wells["experiment"].fillna(NO_BATCH).astype(str)
    pairs = pd.DataFrame({"plate": plate, "batch": batch}).drop_duplicates()
    repeats = plate.isin(pairs.loc[pairs["plate"].duplicated(), "plate"])
    return np.asarray(plate.where(~repeats, batch + " / " + plate.astype(str)).to_numpy(dtype=object))


def plate_format(rows: pd.Series, columns: pd.Series) -> tuple[int, int]:
    """Rows and columns of the smallest plate that holds the wells; 1-based positions.

    Raises InputError for positions that no plate has.
    """
    if not len(rows) or rows.isna().any() or columns.isna().any() or min(rows.min(), columns.min()) < 1:
        raise InputError("plates: a well without row or column; give addresses such as A01")
    for height, width in FORMATS:
        if rows.max() <= height and columns.max() <= width:
            return height, width
    raise InputError(f"plates: a well in row {rows.max()}, column {columns.max()}; plates have at most 48 x 72 wells")


def placed(wells: pd.DataFrame) -> pd.DataFrame:
    """The wells with `row` and `column`, read from their address where other tools have left them out.

    Raises InputError for an address that is none.
    """
    if {"row", "column"} <= set(wells) and wells[["row", "column"]].notna().all(axis=None):
        return wells
    found = parse_addresses(wells["address"], "plates")
    return wells.assign(address=found["address"], row=found["row"], column=found["column"])
