"""What an atlas shows: aligned profiles of wells, from profiles or from a table of embeddings."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from cwamsn import tables
from cwamsn.errors import InputError
from cwamsn.profiles import Profiles, align_profiles, read_profiles, well_profiles
from cwamsn.profiles.metadata import OF_WELLS, metadata_of
from cwamsn.wells import order_of_ids

ID = OF_WELLS["well_id"]


def read_source(path: str | Path, wells: str | Path | None = None, alignment: str | None = None) -> Profiles:
    """Profiles of wells in the order of their ids, with everything that is known of them.

    Parameters
    ----------
    path : profiles as :func:`cwamsn.profiles.read_profiles` takes them, or embeddings (`well_id`, `feature_*`)
    wells : wells table of the screen: needed for embeddings, and fills in what profiles lack
    alignment : name of one that the profiles have, which is taken first; of embeddings, one of
        :data:`cwamsn.alignment.METHODS` or `none`. None: the first; embeddings are aligned as the configuration does

    Raises
    ------
    InputError
        Profiles of perturbations, embeddings without a wells table, wells that are not in it.
    """
    path = Path(path)
    table = None if wells is None else tables.read("wells", wells)
    if _is_embeddings(path):
        if table is None:
            raise InputError(f"{path}: holds embeddings, which say nothing of their wells; give --wells wells.parquet")
        profiles = align_profiles(well_profiles(tables.read("embeddings", path), table), alignment)
    else:
        profiles = read_profiles(path)
        if profiles.level != "well":
            raise InputError(f"{path}: holds profiles of perturbations; an atlas shows wells, give their profiles")
        profiles.alignment(alignment)
        if table is not None:
            profiles = _with_wells(profiles, table, path)
    if "Metadata_Perturbation" not in profiles.obs:
        raise InputError(f"{path}: says of no well what it was treated with; give --wells, or a Metadata_Perturbation")
    return _in_order(profiles)


def _is_embeddings(path: Path) -> bool:
    if not path.is_file() or path.suffix not in (".parquet", ".pq"):
        return False
    try:
        names = pq.read_schema(path).names
    except (OSError, ValueError):
        return False  # whoever reads it says what is wrong
    return "well_id" in names and not any(name.startswith("Metadata_") for name in names)


def _with_wells(profiles: Profiles, table: pd.DataFrame, path: Path) -> Profiles:
    """Profiles with the columns of the wells table that they lack."""
    more = metadata_of(table)
    obs = profiles.obs
    ids = obs[ID] if ID in obs else obs["Metadata_Plate"] + "_" + obs["Metadata_Well"]
    place = more.index.get_indexer(ids)
    if (place < 0).any():
        unknown = ids.iloc[int((place < 0).argmax())]
        raise InputError(f"{path}: well {unknown} is not in the wells table; give that of the same screen")
    found = more.iloc[place].set_index(obs.index)
    lacking = [name for name in found if name not in obs or obs[name].isna().all()]
    known = [name for name in obs if name not in lacking]
    return Profiles(
        pd.concat([obs[known], found[lacking]], axis=1), profiles.features, profiles.names, profiles.aligned,
        profiles.about, "well",
    )  # fmt: skip


def _in_order(profiles: Profiles) -> Profiles:
    order = order_of_ids(pd.DataFrame({"well_id": profiles.obs.index}))
    if (order == np.arange(len(order))).all():
        return profiles
    aligned = {name: values[order] for name, values in profiles.aligned.items()}
    return Profiles(profiles.obs.iloc[order], profiles.features[order], profiles.names, aligned, profiles.about, "well")
