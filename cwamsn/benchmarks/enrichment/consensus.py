"""Wells to profiles: one per compound or gene, or one for each of its batches or sources."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from cwamsn.errors import InputError


class Consensus(NamedTuple):
    """Mean vectors. Sorted by item, then block, so that row order changes nothing."""

    vectors: np.ndarray
    """(P, D) float64."""
    items: np.ndarray
    """(P,) names of compounds or genes."""
    blocks: np.ndarray
    """(P,) batch or source of each profile; one empty text for all where there is one profile per item."""


def consensus(
    features: np.ndarray, items: np.ndarray | pd.Series, blocks: list[np.ndarray | pd.Series] | None = None
) -> Consensus:
    """Mean of the wells of each item, or of each item in each block.

    Parameters
    ----------
    features : (N, D) vectors of wells
    items : (N,) compound or gene of each well; wells without one (null or empty) are left out
    blocks : columns (N,) that together make a block; the first is its name in the result

    Raises
    ------
    InputError
        A vector is not finite, or no well has an item.
    """
    features = np.asarray(features, dtype=np.float64)
    keys = pd.DataFrame({"item": np.asarray(items, dtype=object)})
    for number, block in enumerate(blocks or []):
        keys[f"block_{number}"] = np.asarray(block, dtype=object)
    known = (keys["item"].notna() & (keys["item"] != "")).to_numpy()
    if not known.any():
        raise InputError("enrichment: no well has a compound or gene; correct the label table or its key column")
    if not np.isfinite(features[known]).all():
        raise InputError("enrichment: NaN or infinite feature; correct or leave out the well")
    keys, features = keys[known].fillna("").astype(str), features[known]
    grouped = keys.groupby(list(keys.columns), sort=True)
    codes, names = grouped.ngroup().to_numpy(), grouped.size().index.to_frame(index=False)
    sums = np.zeros((len(names), features.shape[1]))
    np.add.at(sums, codes, features)
    means = sums / np.bincount(codes, minlength=len(names))[:, None]
    where = names["block_0"] if blocks else pd.Series("", index=names.index)
    return Consensus(means, names["item"].to_numpy(dtype=object), where.to_numpy(dtype=object))
