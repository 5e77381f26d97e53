"""Which fields are decoded: spread over plates, the same places on each, whatever the order of the files."""

import numpy as np
import pandas as pd

from cwamsn.screens.planes import split_uri

PER_PLATE = 3
"""Fields of a plate that are enough to compare it with the others."""
LEAST = 50
"""Fields decoded where nothing else is asked for."""


def usual_sample(plates: int) -> int:
    """Fields to decode where nothing else is asked for: three per plate, at least fifty."""
    return max(LEAST, PER_PLATE * plates)


def choose(fields: pd.DataFrame, n: int | None, seed: int = 0) -> pd.DataFrame:
    """`n` of the fields, or all of them.

    Places (well address and site) are put in an order drawn from `seed`, the same for every plate, and plates take
    turns. So plates that are copies of one another show it, and no plate is left out while another has two fields more.

    Parameters
    ----------
    fields : columns `plate`, `well_id`, `site`.
    n : how many; None for all.
    seed : of the order.

    Returns
    -------
    pd.DataFrame
        Rows of `fields`, in their order.
    """
    if n is None or n >= len(fields):
        return fields
    place = fields["well_id"].str.rpartition("_")[2] + "-" + fields["site"].astype(str)
    names = np.sort(place.unique())
    rank = pd.Series(np.random.default_rng(seed).permutation(len(names)), names)
    order = pd.DataFrame({"plate": fields["plate"], "rank": place.map(rank)}).sort_values(["plate", "rank"])
    turn = order.groupby("plate").cumcount()
    # Plates in an order of their own, so that with fewer fields than plates not the first ones are taken.
    plates = np.sort(fields["plate"].unique())
    plate_rank = pd.Series(np.random.default_rng((seed, 1)).permutation(len(plates)), plates)
    order = order.assign(turn=turn, plate_rank=order["plate"].map(plate_rank)).sort_values(["turn", "plate_rank"])
    return fields.loc[order.index[:n].sort_values()]


def odd_files(fields: pd.DataFrame, sizes: dict[str, int], most: int = 20) -> pd.Index:
    """Fields with a file much smaller than those of its stain on its plate, the smallest first: likely cut off.

    Parameters
    ----------
    fields : `plate` and one `uri_` per stain.
    sizes : bytes by path.
    most : how many fields at most.
    """
    worst = pd.Series(1.0, fields.index)
    for column in (c for c in fields.columns if c.startswith("uri_")):
        size = fields[column].map(lambda uri: sizes.get(split_uri(uri).path)).astype(float)
        worst[:] = np.fmin(worst, size / size.groupby(fields["plate"]).transform("median"))
    low = worst[worst < SMALL].sort_values(kind="stable")
    return low.index[:most]


SMALL = 0.7
"""Share of the median from which on a file counts as much smaller; compression alone varies by less on one plate."""
