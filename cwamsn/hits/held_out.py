"""Negatives that the alignment has not seen.

An alignment moves the controls it was fitted on to the origin with unit variance, exactly; wells that were not in the
fit keep its error, which they share. Replicates without any effect then resemble each other more than the controls
(docs/hits.md has figures). So the alignment is fitted on half of each plate's controls; the others are the negatives.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from cwamsn.alignment import AlignOptions, align
from cwamsn.alignment.controls import batches
from cwamsn.errors import InputError
from cwamsn.notes import note
from cwamsn.profiles import Profiles, wells_of
from cwamsn.profiles.table import UNALIGNED
from cwamsn.wells import is_negative, order_of_ids


def split_controls(wells: pd.DataFrame, share: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Negative controls to fit on, and those held out: (N,) bool each, drawn plate by plate.

    Parameters
    ----------
    wells : wells table, N rows
    share : of each plate's controls to hold out, rounded up
    seed : of the choice
    """
    control, rng = is_negative(wells), np.random.default_rng([seed, 3])
    plate = wells["experiment"].astype(str) + "/" + wells["plate"].astype(str)
    fit, held = np.zeros(len(wells), dtype=bool), np.zeros(len(wells), dtype=bool)
    order = order_of_ids(wells)
    order = order[control[order]]
    for _, rows in pd.Series(order).groupby(plate.to_numpy()[order], sort=True):
        drawn = rng.permutation(rows.to_numpy())
        count = int(np.ceil(share * len(drawn) - 1e-9))
        held[drawn[:count]], fit[drawn[count:]] = True, True
    return fit, held


def fair_vectors(
    profiles: Profiles, share: float, seed: int = 0, alignment: str | None = None, *, threads: int = 1
) -> tuple[np.ndarray, np.ndarray | None, str]:
    """Vectors of the wells, the controls that may serve as negatives, and how they were come by.

    Parameters
    ----------
    profiles : of wells
    share : of the controls that the alignment is not fitted on; 0: they are as they stand in the profiles
    seed : of the choice
    alignment : name of one that the profiles have; None: the first
    threads : threads of Harmony

    Returns
    -------
    (N, D) vectors; (N,) bool, None for all negative controls; `held out`, `all controls` where a head was learned,
    `seen by the alignment`, `not aligned` or `unknown`, where profiles of another tool do not say
    what was done to them.
    """
    name, written = profiles.alignment(alignment), profiles.about.get("vectors", UNALIGNED)
    vectors = profiles.vectors(name)
    if name == UNALIGNED and not profiles.about:
        note(
            "hits: the profiles do not say whether they were normalised on their negative controls; if they were, "
            "p-values are too small (docs/hits.md): give unaligned profiles and align them with this package"
        )
        return vectors, None, "unknown"
    if name == UNALIGNED and written == UNALIGNED:
        return vectors, None, "not aligned"
    seen = f"the alignment {written if name == UNALIGNED else name} was fitted on the controls that are the negatives"
    if name == UNALIGNED:
        return vectors, None, _seen(f"{seen}; give profiles.h5ad, which holds the unaligned vectors too")
    if not share:
        return vectors, None, _seen(f"{seen}; set hits.held_out above 0")
    known = profiles.about.get("alignment")
    said = known.get(name) if isinstance(known, Mapping) else None
    if not isinstance(said, Mapping):
        return vectors, None, _seen(f"{seen}; the profiles do not say with what options, so it cannot be repeated")
    if "method" not in said:  # learned from replicates, not fitted on controls: there is nothing to hold out
        return vectors, None, "all controls"
    wells = wells_of(profiles.obs)
    fit, held = split_controls(wells, share, seed)
    try:
        batches(wells, fit, say=False)
    except InputError:
        return vectors, None, _seen(f"{seen}; too few to hold some out, 2 per batch must remain to fit")
    options = AlignOptions.from_config(said)
    return align(profiles.features, wells, options=options, threads=threads, fit=fit, say=False), held, "held out"


def _seen(why: str) -> str:
    note(f"hits: p-values are too small (docs/hits.md): {why}")
    return "seen by the alignment"
