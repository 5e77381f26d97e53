"""Numbers of wells that a plate can be coloured by: cells, grey levels, focus, distance to controls, features."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cwamsn.errors import InputError, nearest
from cwamsn.plates.distance import distance_to_controls
from cwamsn.profiles import Profiles

# Prefix of columns of the QC table → group of numbers, and what one is.
_OF_CHANNELS = {
    "mean_": ("Mean grey level", "mean of the well's kept fields, 0 to 255 after conversion"),
    "focus_": ("Focus", "variance of the Laplacian over the squared mean, mean of the kept fields; low is blurred"),
    "saturation_": ("Saturation", "share of pixels at the display maximum, mean of the kept fields"),
}


@dataclass(frozen=True, eq=False)
class Number:
    """One number of each of N wells."""

    name: str
    """What it is called."""
    group: str
    """What it stands under in a list of numbers."""
    about: str
    """What it is, with its unit."""
    values: np.ndarray
    """(N,) float64; NaN where it is not known."""


def numbers_of_wells(wells: pd.DataFrame) -> list[Number]:
    """Numbers that the wells table itself has: cells and doses.

    Parameters
    ----------
    wells : wells table, N rows
    """
    known = {
        "cell_count": ("Cells", "cells of all fields of the well"),
        "concentration": ("Concentration", "µM"),
    }
    return [
        Number(name, "Wells", about, wells[column].to_numpy(dtype=np.float64, na_value=np.nan))
        for column, (name, about) in known.items()
        if column in wells and wells[column].notna().any()
    ]


def numbers_of_qc(wells: pd.DataFrame, qc: pd.DataFrame) -> list[Number]:
    """Fields kept and left out of each well, and means of its kept fields.

    Parameters
    ----------
    wells : wells table, N rows
    qc : QC table of the screen's fields
    """
    kept = qc["status"] == "kept"
    ids = wells["well_id"]
    looked_at = ids.isin(qc["well_id"]).to_numpy()

    def counted(rows: pd.Series) -> np.ndarray:
        counts = qc.loc[rows, "well_id"].value_counts().reindex(ids, fill_value=0)
        # a training screen takes its treated wells alone: its controls have lost no field
        return np.where(looked_at, counts.to_numpy(dtype=np.float64), np.nan)

    found = [
        Number(
            "Fields kept",
            "Fields",
            "fields of view of which crops were made; struck out where no field of the well was asked for or found",
            counted(kept),
        ),
        Number("Fields left out", "Fields", "fields of view that failed the quality control", counted(~kept)),
    ]
    if "cell_count" in qc and qc["cell_count"].notna().any():
        counts = qc[kept].groupby("well_id")["cell_count"].mean().reindex(ids)
        found.append(
            Number("Cells per field", "Wells", "mean of the well's kept fields", counts.to_numpy(dtype=np.float64))
        )
    columns = [column for prefix in _OF_CHANNELS for column in qc if str(column).startswith(prefix)]
    means = qc.loc[kept, ["well_id", *columns]].groupby("well_id").mean().reindex(ids)
    for column in columns:
        prefix, channel = str(column).split("_", 1)
        group, about = _OF_CHANNELS[f"{prefix}_"]
        found.append(Number(f"{group}, {channel}", group, about, means[column].to_numpy(dtype=np.float64)))
    return found


def numbers_of_profiles(
    wells: pd.DataFrame, profiles: Profiles, *, label: str = "", features: Sequence[str] = ()
) -> list[Number]:
    """Distance of each well to the controls of its plate, and features by name.

    Parameters
    ----------
    wells : wells table, N rows
    profiles : of wells; a well without one has no number
    label : what the profiles are called where there are several, such as the method
    features : names of features to show, as they were embedded

    Raises
    ------
    InputError
        Profiles of perturbations, of wells that are not in the table, or without such a feature.
    """
    if profiles.level != "well":
        raise InputError("plates: these are profiles of perturbations; give profiles of wells")
    place = pd.Index(wells["well_id"]).get_indexer(profiles.obs.index)
    if (place < 0).any():
        unknown = profiles.obs.index[int((place < 0).argmax())]
        raise InputError(f"plates: profile {unknown} is of no well of the screen; give profiles of the same screen")
    of = f" ({label})" if label else ""
    own = wells.iloc[place].reset_index(drop=True)
    alignment = profiles.alignment()
    found = [
        Number(
            f"Distance to controls{of}",
            "Profiles",
            "Euclidean, to the mean of the plate's negative controls; 1 is the median control's "
            f"(vectors: {'as embedded' if alignment == 'none' else alignment})",
            _spread(distance_to_controls(profiles.vectors(), own), place, len(wells)),
        )
    ]
    for name in features:
        if name not in profiles.names:
            raise InputError(f"plates: no feature {name!r}{of}; {nearest(name, list(profiles.names))}")
        values = profiles.features[:, list(profiles.names).index(name)]
        found.append(Number(f"{name}{of}", "Features", "as embedded", _spread(values, place, len(wells))))
    return found


def _spread(values: np.ndarray, place: np.ndarray, n: int) -> np.ndarray:
    out = np.full(n, np.nan)
    out[place] = values
    return out
