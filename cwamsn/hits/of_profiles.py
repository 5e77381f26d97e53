"""Neighbours and activity of profiles: the alignment they have, fair negatives, and what must be said of both."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from cwamsn.errors import InputError
from cwamsn.hits.against_controls import activity
from cwamsn.hits.doses import hit_list
from cwamsn.hits.held_out import fair_vectors
from cwamsn.hits.learned import marked_negatives, trained_on
from cwamsn.hits.nearest import neighbours, neighbours_without_wells
from cwamsn.hits.options import ActivityOptions, NeighbourOptions
from cwamsn.hits.positions import note_positions
from cwamsn.profiles import Profiles, wells_of
from cwamsn.profiles.table import UNALIGNED


@dataclass(frozen=True, eq=False)
class Found:
    """Tables of an analysis and how they were made."""

    tables: dict[str, pd.DataFrame]
    """`neighbours` and `queries`, or `activity` and `hits`."""
    about: dict[str, object]
    """Options, alignment, null, and what the layout allows."""


def neighbours_of_profiles(
    profiles: Profiles,
    names: Sequence[str] | None = None,
    options: NeighbourOptions | None = None,
    concentration: float | None = None,
    alignment: str | None = None,
) -> Found:
    """Nearest perturbations of some.

    Parameters
    ----------
    profiles : of wells, or of perturbations, whose labels are then permuted as wholes
    names : perturbations; None: all
    options : default: those of the configuration
    concentration : dose of `names`, µM; None: each of their doses
    alignment : name of one that the profiles have; None: the first

    Returns
    -------
    Tables `neighbours` and `queries` of :func:`cwamsn.hits.neighbours`.
    """
    options = options or NeighbourOptions()
    vectors = profiles.vectors(alignment)
    used = _alignment(profiles, alignment)
    about: dict[str, object] = {
        "options": asdict(options),
        "alignment": used,
        "head_trained_on": trained_on(profiles, used),
    }
    if profiles.level == "well":
        wells = wells_of(profiles.obs)
        shared = note_positions(wells)
        queries, table = neighbours(vectors, wells, names, options, concentration)
        about |= {"null": f"labels of wells, within each {options.within}", "shared_positions": shared}
    else:
        obs = profiles.obs
        keys = pd.DataFrame(
            {
                "perturbation_type": obs.get("Metadata_PerturbationType", pd.Series("", index=obs.index)),
                "perturbation": obs["Metadata_Perturbation"],
                "concentration": obs.get("Metadata_Concentration", pd.Series(np.nan, index=obs.index)).astype(float),
            }
        ).reset_index(drop=True)
        queries, table = neighbours_without_wells(vectors, keys, names, options, concentration)
        about |= {"null": "labels of perturbations: the profiles are not of wells"}
    return Found({"neighbours": table, "queries": queries}, about)


def activity_of_profiles(
    profiles: Profiles,
    options: ActivityOptions | None = None,
    alignment: str | None = None,
    *,
    threads: int = 1,
) -> Found:
    """Which perturbations differ from their controls, with negatives that the alignment has not seen.

    Parameters
    ----------
    profiles : of wells; their alignment is fitted anew on some of the controls
    options : default: those of the configuration
    alignment : name of one that the profiles have; None: the first
    threads : threads of Harmony

    Returns
    -------
    Tables `activity` (:func:`cwamsn.hits.activity`) and `hits` (:func:`cwamsn.hits.hit_list`), each with `negatives`:
    whether the alignment has seen the controls that wells are compared with.
    """
    options = options or ActivityOptions()
    if profiles.level != "well":
        raise InputError("hits: the profiles are of perturbations; give profiles of wells, which hold the controls")
    wells = wells_of(profiles.obs)
    shared = note_positions(wells)
    vectors, negatives, how = fair_vectors(profiles, options.held_out, options.seed, alignment, threads=threads)
    table = activity(vectors, wells, options, negatives=negatives)
    used = _alignment(profiles, alignment)
    seen = trained_on(profiles, used)
    about: dict[str, object] = {
        "options": asdict(options), "alignment": used, "negatives": how, "shared_positions": shared,
        "head_trained_on": seen,
    }  # fmt: skip
    # each row says what weakens its p-value: a list travels without what stands beside it
    found = {"activity": table, "hits": hit_list(table, options.level)}
    return Found({name: marked_negatives(rows, how, seen) for name, rows in found.items()}, about)


def _alignment(profiles: Profiles, alignment: str | None) -> str:
    """What the vectors are aligned by, also where a file holds the aligned ones alone."""
    name = profiles.alignment(alignment)
    return str(profiles.about.get("vectors", name)) if name == UNALIGNED else name
