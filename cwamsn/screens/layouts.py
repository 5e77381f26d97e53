"""What cross-well alignment can and cannot remove, read from a plate layout alone.

Two wells of one perturbation form a training pair. A nuisance factor that differs between them is pushed out of the
representation; one that they share is a cue by which the pair can be recognised, and is rewarded instead.
"""

import numpy as np
import pandas as pd
from scipy import sparse

from cwamsn.errors import InputError

FACTORS = ("plate", "plate_map", "experiment", "row", "column")


def layout_report(
    wells: pd.DataFrame,
    factors: tuple[str, ...] = FACTORS,
    removable_from: float = 0.25,
    shuffles: int = 3,
    seed: int = 0,
) -> pd.DataFrame:
    """How each nuisance factor relates to the perturbation, one row per factor.

    Parameters
    ----------
    wells : `perturbation`, the columns of `factors` that are known, and `control`, whose wells are left out if given.
    removable_from : relative variation within perturbations from which a factor counts as removable.
    shuffles : number of shuffled layouts averaged to estimate the chance level of the mutual information.
    seed : of the shuffling.

    Returns
    -------
    factor, levels, perturbations (with two wells or more),
    differing_pairs : probability that two wells of a perturbation differ in the factor, mean over perturbations,
    variation_within : the same relative to two wells drawn from the whole screen (1: as at random, 0: shared),
    mutual_information : I(perturbation; factor) / H(factor), between 0 and 1,
    mutual_information_chance : the same after shuffling, which is far from 0 with few wells per perturbation,
    verdict : `removable`, `shortcut` (wells of a perturbation share it, alignment rewards it) or `untestable`,
    reason : why it is untestable, else empty.
    """
    if "perturbation" not in wells:
        raise InputError("layout_report: the wells table lacks the column perturbation; add it")
    used = wells[wells["perturbation"].notna()]
    if "control" in used:
        used = used[used["control"].isna()]
    rng = np.random.default_rng(seed)
    rows = [_factor(used, factor, removable_from, shuffles, rng) for factor in factors]
    return pd.DataFrame(rows)


def _factor(
    wells: pd.DataFrame, factor: str, removable_from: float, shuffles: int, rng: np.random.Generator
) -> dict[str, object]:
    """One row of :func:`layout_report`."""
    known = wells[wells[factor].notna()] if factor in wells else wells.iloc[:0]
    if not len(known):
        return _row(factor, 0, 0, reason="not recorded")
    perturbation = pd.factorize(known["perturbation"])[0]
    level = pd.factorize(known[factor])[0]
    levels, several = int(level.max() + 1), int((np.bincount(perturbation) > 1).sum())
    if levels < 2:
        return _row(factor, levels, several, reason="one level only")
    if not several:
        return _row(factor, levels, several, reason="no perturbation has two wells")
    within = differing_pairs(perturbation, level)
    total = differing_pairs(np.zeros_like(level), level)
    chance = np.mean([normalised_information(perturbation, rng.permutation(level)) for _ in range(shuffles)])
    return _row(factor, levels, several) | {
        "differing_pairs": within,
        "variation_within": within / total,
        "mutual_information": normalised_information(perturbation, level),
        "mutual_information_chance": float(chance),
        "verdict": "removable" if within / total >= removable_from else "shortcut",
    }


def _row(factor: str, levels: int, perturbations: int, reason: str = "") -> dict[str, object]:
    """A row without measures, in the order of the columns."""
    measures = ("differing_pairs", "variation_within", "mutual_information", "mutual_information_chance")
    row: dict[str, object] = {"factor": factor, "levels": levels, "perturbations": perturbations}
    return row | dict.fromkeys(measures, np.nan) | {"verdict": "untestable", "reason": reason}


def _cells(perturbation: np.ndarray, level: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Non-empty cells of the contingency table: perturbation, level, count."""
    levels = int(level.max()) + 1
    code, count = np.unique(perturbation.astype(np.int64) * levels + level, return_counts=True)
    return code // levels, code % levels, count


def differing_pairs(perturbation: np.ndarray, level: np.ndarray) -> float:
    """Probability that two different wells of a perturbation differ in level, mean over those with two wells or more.

    perturbation, level : (n,) integer codes from 0.
    """
    group, _, count = _cells(perturbation, level)
    size = np.bincount(perturbation)
    equal = np.bincount(group, weights=count * (count - 1.0), minlength=len(size))
    several = size > 1
    return float(np.mean(1 - equal[several] / (size[several] * (size[several] - 1.0))))


def normalised_information(perturbation: np.ndarray, level: np.ndarray) -> float:
    """Plug-in mutual information of two labelings over the entropy of the second, both (n,) integer codes from 0."""

    def entropy(counts: np.ndarray) -> float:
        share = counts[counts > 0] / counts.sum()
        return float(-(share * np.log(share)).sum())

    joint = entropy(_cells(perturbation, level)[2])
    levels = entropy(np.bincount(level))
    return (entropy(np.bincount(perturbation)) + levels - joint) / levels if levels else 0.0


def infer_plate_maps(plate: pd.Series, well: pd.Series, perturbation: pd.Series, overlap: float = 0.5) -> pd.Series:
    """Plate map of each well where none is recorded: plates with mostly the same perturbations in the same wells.

    Two plates are joined if they share more than `overlap` of the smaller one's (well, perturbation) pairs; plates that
    are joined through others have one map too, since two partly imaged plates may share little with each other.

    Parameters
    ----------
    plate, well, perturbation : one value per well. A null perturbation (a control) says nothing.
    overlap : share of the smaller plate's pairs.

    Returns
    -------
    pd.Series
        Index of `plate`; the name of the map's first plate.
    """
    plates, plate_names = pd.factorize(plate, sort=True)
    pairs, _ = pd.factorize(pd.Series(zip(well, perturbation), index=plate.index).where(perturbation.notna()))
    known = pairs >= 0
    shape = (len(plate_names), int(pairs.max(initial=-1)) + 1)
    holds = sparse.csr_matrix((np.ones(known.sum()), (plates[known], pairs[known])), shape=shape)
    holds.data[:] = 1
    shared = (holds @ holds.T).toarray()
    smaller = np.minimum.outer(shared.diagonal(), shared.diagonal())
    _, label = sparse.csgraph.connected_components(sparse.csr_matrix(shared > overlap * smaller), directed=False)
    first = pd.Series(plate_names).groupby(label).first()
    return pd.Series(first.to_numpy()[label[plates]], index=plate.index)
