"""Aligned vectors of wells as embeddings of their own, so that every benchmark can score them beside others."""

from collections.abc import Collection

import numpy as np
import pandas as pd

from cwamsn.alignment.methods import align
from cwamsn.alignment.options import AlignOptions
from cwamsn.alignment_names import OWN_AXES, steps_of
from cwamsn.embeddings import features_frame
from cwamsn.errors import InputError
from cwamsn.tables import feature_columns


def aligned_embeddings(
    frame: pd.DataFrame,
    wells: pd.DataFrame,
    method: str,
    options: AlignOptions | None = None,
    *,
    threads: int = 1,
    only: Collection[str] | None = None,
) -> pd.DataFrame:
    """Embeddings of a screen's wells, aligned.

    Parameters
    ----------
    frame : table of contract `embeddings`
    wells : wells table of the screen
    method, options, threads : as in :func:`cwamsn.alignment.align`
    only : ids of the wells that are kept; the alignment is fitted on all

    Returns
    -------
    Table of contract `embeddings`, sorted by well_id.

    Raises
    ------
    InputError
        As :func:`cwamsn.alignment.align`; or none of the wells is kept.
    """
    frame = frame.sort_values("well_id", kind="stable")
    place = pd.Index(wells["well_id"]).get_indexer(frame["well_id"])
    if (place < 0).any():
        unknown = frame["well_id"].iloc[int((place < 0).argmax())]
        raise InputError(f"alignment: well {unknown} is not in the wells table; recompute the embeddings")
    values = frame[feature_columns(frame.columns)].to_numpy(np.float64, copy=True)
    aligned = align(values, wells.iloc[place].reset_index(drop=True), method, options, threads=threads)
    kept = np.ones(len(frame), dtype=bool) if only is None else frame["well_id"].isin(list(only)).to_numpy(bool)
    if not kept.any():
        raise InputError("alignment: none of the wells of the other method has features; compare methods of one screen")
    return features_frame(frame["well_id"].to_numpy(object)[kept], aligned[kept].astype(np.float32))


def keeps_features(method: str, options: AlignOptions | None = None) -> bool:
    """Whether feature i of an aligned vector is what feature i was, so that two screens can be compared by it."""
    steps = steps_of(method, (options or AlignOptions()).recipes)
    return not any(step.name in OWN_AXES for step in steps)
