"""How far a well's profile is from the controls of its plate."""

import numpy as np
import pandas as pd

from cwamsn.plates.layout import plate_of_wells
from cwamsn.wells import is_negative

LEAST = 3  # controls, so that each has at least two others to be compared with


def distance_to_controls(vectors: np.ndarray, wells: pd.DataFrame) -> np.ndarray:
    """Euclidean distance to the mean of the plate's negative controls, in units of the median control's distance.

    A control is compared with the mean of the other controls, so that it does not pull the mean towards itself.

    Parameters
    ----------
    vectors : (N, D)
    wells : wells table of the same N wells

    Returns
    -------
    np.ndarray
        (N,) float64; NaN on plates with fewer than three negative controls, or whose controls are all alike.
    """
    control = is_negative(wells)
    out = np.full(len(wells), np.nan)
    for rows in pd.Series(np.arange(len(wells))).groupby(plate_of_wells(wells)).groups.values():
        chosen = np.asarray(rows)
        own = vectors[chosen].astype(np.float64)
        inside = control[chosen]
        count = int(inside.sum())
        if count < LEAST:
            continue
        mean = own[inside].mean(axis=0)
        # x minus the mean of the others = (x minus the mean of all) n / (n - 1)
        scale = np.where(inside, count / (count - 1), 1.0)
        distance = np.linalg.norm(own - mean, axis=1) * scale
        unit = np.median(distance[inside])
        if unit > 0:
            out[chosen] = distance / unit
    return out
