"""A training on fewer positive pairs: some of the perturbations, or some of the wells of each, drawn by the seed.

Draws of one seed are nested: the smaller number of wells or perturbations is part of the larger, and which wells of a
perturbation are drawn does not depend on how many perturbations are. So two trainings differ in what one of them lacks.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from cwamsn.errors import InputError
from cwamsn.training.recipe import PairOptions
from cwamsn.training.sampler import DIFFERS, can_pair

WELLS, PERTURBATIONS = 1, 2  # streams of random numbers


class Subset(NamedTuple):
    """What is left of the crops."""

    frame: pd.DataFrame
    counts: dict[str, int]
    """What was left out, and what is left; empty where nothing was asked for."""


def draw_subset(frame: pd.DataFrame, pairs: PairOptions, seed: int) -> Subset:
    """The crops of `pairs.perturbations` perturbations and of `pairs.wells_per_perturbation` wells of each.

    Perturbations are drawn among those that give pairs. Where the target must come from another plate or experiment,
    wells are drawn plate by plate (experiment by experiment), so that what is drawn gives pairs too.

    Parameters
    ----------
    frame : one row per crop, with the columns of :data:`cwamsn.training.sampler.LEVELS`.
    pairs : `perturbations` is a number, or a share below 1 of those that give pairs; None: all.
        `wells_per_perturbation` is the most that are taken of each; None: all.
    seed : of the training.

    Raises
    ------
    InputError
        More is asked for than there is, or what is asked for gives no batch.
    """
    if pairs.perturbations is None and pairs.wells_per_perturbation is None:
        return Subset(frame, {})
    usable = frame[can_pair(frame, DIFFERS[pairs.target_from])]
    counts = {"perturbations_without_pair": frame["perturbation"].nunique() - usable["perturbation"].nunique()}
    if usable.empty:
        raise InputError(f"training.target_from: {pairs.target_from} finds no pair in the training part; change it")
    left = usable
    if (most := pairs.wells_per_perturbation) is not None:
        left = left[left["well_id"].isin(_wells(usable, most, pairs.target_from, seed))]
        counts["wells_not_drawn"] = usable["well_id"].nunique() - left["well_id"].nunique()
    if pairs.perturbations is not None:
        drawn = _perturbations(usable, pairs, seed)
        counts["perturbations_not_drawn"] = usable["perturbation"].nunique() - len(drawn)
        left = left[left["perturbation"].isin(drawn)]
    counts |= {
        "crops": len(left),
        "wells": left["well_id"].nunique(),
        "perturbations": left["perturbation"].nunique(),
    }
    return Subset(left.reset_index(drop=True), counts)


def subset_in_words(pairs: PairOptions, counts: Mapping[str, int]) -> str:
    """What a training took of its screen, for the reader of its scores; empty where it took everything.

    counts : those of its `encoder.json`.
    """
    if pairs.perturbations is None and pairs.wells_per_perturbation is None:
        return ""
    total = counts["perturbations"] + counts.get("perturbations_not_drawn", 0)
    wells = "" if pairs.wells_per_perturbation is None else f" in at most {pairs.wells_per_perturbation} wells of each"
    return (
        f"trained on a part of the screen: {counts['perturbations']:,} of {total:,} perturbations that give pairs"
        f"{wells}, {counts['wells']:,} wells in all (training.perturbations, training.wells_per_perturbation)"
    )


def _wells(usable: pd.DataFrame, most: int, target_from: str, seed: int) -> pd.Series:
    """Ids of the drawn wells, `most` of each perturbation at most."""
    unit = DIFFERS[target_from]
    if most == 1 and unit not in {None, "field_id"}:
        raise InputError(
            f"training.wells_per_perturbation: 1 leaves no pair with target_from: {target_from}; take 2 or more, or "
            "target_from: image or site"
        )
    wells = usable.drop_duplicates("well_id").sort_values("well_id", kind="stable")
    counted = wells.groupby("perturbation")["well_id"].size()
    if most > counted.max():
        raise InputError(
            f"training.wells_per_perturbation: {most}, but no perturbation has more than {counted.max()} wells that "
            "give pairs; lower it, or leave it out to take them all"
        )
    wells = wells.iloc[np.random.default_rng([seed, WELLS]).permutation(len(wells))]
    if unit in {"plate", "experiment"}:  # the first of every plate, then the second of every plate, ...
        keys = ["perturbation", "experiment", "plate"] if unit == "plate" else ["perturbation", "experiment"]
        order = wells.groupby(keys, sort=False).cumcount()
        wells = wells.iloc[np.argsort(order.to_numpy(), kind="stable")]
    return wells.loc[wells.groupby("perturbation", sort=False).cumcount() < most, "well_id"]


def _perturbations(usable: pd.DataFrame, pairs: PairOptions, seed: int) -> np.ndarray:
    """Names of the drawn perturbations."""
    names, wanted = np.sort(usable["perturbation"].unique().astype(str)), pairs.perturbations
    assert wanted is not None
    if wanted >= 1 and wanted != int(wanted):
        raise InputError(f"training.perturbations: {wanted} is neither a whole number nor a share below 1")
    number = round(wanted * len(names)) if wanted < 1 else int(wanted)
    if number > len(names):
        raise InputError(
            f"training.perturbations: {wanted}, but only {len(names):,} of the training part give pairs; lower it, or "
            "leave it out to take them all"
        )
    if number < pairs.batch_size:
        raise InputError(
            f"training.perturbations: {wanted} is {number:,} of {len(names):,}, fewer than a batch of "
            f"{pairs.batch_size} (training.batch_size); raise it, or lower the batch"
        )
    return np.random.default_rng([seed, PERTURBATIONS]).permutation(names)[:number]
