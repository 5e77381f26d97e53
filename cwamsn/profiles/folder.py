"""The folder of profiles that a run and `cwamsn embed` leave."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from cwamsn.files import write_json
from cwamsn.paths import ProfilePaths
from cwamsn.profiles.build import pool_profiles
from cwamsn.profiles.table import Profiles
from cwamsn.profiles.write import write_anndata, write_parquet


def write_folder(
    profiles: Profiles, folder: str | Path, *, pool: str = "wells", concentrations: Sequence[float] | None = None
) -> Profiles:
    """Write profiles of wells and of perturbations, and where they come from.

    `wells.parquet` and `perturbations.parquet` hold the vectors of the first alignment, or the features where there is
    none; `profiles.h5ad` holds the wells with everything; `about.json` says where they come from.

    Parameters
    ----------
    profiles : of wells
    folder : where; made if absent
    pool, concentrations : as in :func:`pool_profiles`

    Returns
    -------
    The profiles of perturbations.
    """
    paths = ProfilePaths(Path(folder))
    pooled = pool_profiles(profiles, pool, concentrations)
    write_parquet(profiles, paths.wells)
    write_parquet(pooled, paths.perturbations)
    write_anndata(profiles, paths.anndata)
    write_json(profiles.about, paths.about)
    return pooled


def count_fields(crops: pd.DataFrame) -> pd.DataFrame:
    """Columns `well_id` and `FieldCount` of a crops index: how many fields of view of each well were embedded."""
    counts = crops.groupby("well_id", sort=True)["field_id"].nunique()
    return counts.rename("FieldCount").reset_index()
