"""Profiles and embeddings from one table format to another."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from cwamsn import tables
from cwamsn.embeddings import WellsFile, features_frame, read_embeddings
from cwamsn.errors import InputError
from cwamsn.profiles.build import well_profiles
from cwamsn.profiles.metadata import OF_WELLS
from cwamsn.profiles.read import read_profiles
from cwamsn.profiles.table import Profiles
from cwamsn.profiles.write import check_suffix, write_profiles


@dataclass(frozen=True)
class Converted:
    """What was written."""

    rows: int
    features: int
    level: str
    vectors: str
    """The alignment whose vectors were written; `none`: those that were embedded; `all` in AnnData."""
    counts: dict[str, int]
    """Of the file's rows and the screen's wells, as :func:`cwamsn.embeddings.read_embeddings` counts them."""


def convert(
    source: str | Path,
    target: str | Path,
    *,
    wells: str | Path | None = None,
    entry: WellsFile | None = None,
    alignment: str | None = None,
    bare: bool = False,
) -> Converted:
    """Write the profiles or embeddings of `source` in the format of `target`'s suffix.

    Parameters
    ----------
    source : any file or folder that :func:`read_profiles` reads; with `wells`, any that :func:`read_embeddings` reads
    target : .parquet, .csv, .csv.gz, .tsv or .h5ad
    wells : wells table of the screen: its wells are found in `source`, and what is known of them goes with the vectors
    entry : how embeddings are to be read; for `wells` alone
    alignment : whose vectors are written, where `source` has several
    bare : write `well_id` and `feature_0` ... alone, the embeddings of a run

    Raises
    ------
    InputError
        A format that cannot be read or written, rows that name no well, and what the readers refuse.
    """
    check_suffix(target)
    if bare and not str(target).endswith(".parquet"):
        raise InputError(f"{target}: embeddings of a run are Parquet; end the name with .parquet")
    counts: dict[str, int] = {}
    if wells is not None:
        table = tables.read("wells", wells)
        found, counts = read_embeddings(source, entry or WellsFile(), table, max_missing_share=1.0)
        profiles = well_profiles(found, table, about={"converted_from": Path(source).name})
    else:
        if entry not in (None, WellsFile()):
            raise InputError("convert: how rows are matched with wells needs the wells; give --wells wells.parquet")
        profiles = _profiles(Path(source))
    chosen = profiles.alignment(alignment)
    vectors = profiles.vectors(chosen)
    if bare:
        tables.write(_bare(profiles, vectors, source), "embeddings", target)
    else:
        write_profiles(profiles, target, alignment)
    everything = str(target).endswith(".h5ad")
    width = profiles.features.shape[1] if everything else vectors.shape[1]
    return Converted(len(profiles), width, profiles.level, "all" if everything else chosen, counts)


def _profiles(source: Path) -> Profiles:
    try:
        return read_profiles(source)
    except InputError as error:
        if "has neither Metadata_Plate" in str(error) or "is no number and not" in str(error):
            raise InputError(
                f"{error}; where its rows name wells in another way, give --wells wells.parquet of their screen"
            ) from None
        raise


def _bare(profiles: Profiles, vectors: np.ndarray, source: str | Path) -> pd.DataFrame:
    """Embeddings table of profiles of wells."""
    if profiles.level != "well":
        raise InputError(f"{source}: holds profiles of perturbations, which have no well_id; leave out --bare")
    if OF_WELLS["well_id"] not in profiles.obs:
        raise InputError(f"{source}: has no {OF_WELLS['well_id']}; give --wells wells.parquet of its screen")
    frame = features_frame(profiles.obs.index, vectors)
    return frame.sort_values("well_id", ignore_index=True)
