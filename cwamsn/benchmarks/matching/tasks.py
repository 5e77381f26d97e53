"""The tasks: which profiles take part in each, what they share, and what must differ between query and answer."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from cwamsn.benchmarks.stringency import Level
from cwamsn.errors import InputError
from cwamsn.notes import note
from cwamsn.vocabulary import MATCHING_TASKS

SISTERS, GUIDES, KNOCKOUTS = MATCHING_TASKS


class Profiles(NamedTuple):
    """Mean vectors, one per item, or one per item and block of a level. Sorted, so that row order changes nothing."""

    vectors: np.ndarray
    """(P, D) float64."""
    items: np.ndarray
    """(P,) compound, gene, or gene and guide joined by the separator of names."""
    kinds: np.ndarray
    """(P,) type of the perturbation."""
    blocks: pd.DataFrame
    """(P) rows: the columns in which a level wants a difference; no column where it wants none."""
    targets: tuple[frozenset[str], ...]
    """(P) genes of each."""


def tasks_of(
    features: np.ndarray,
    wells: pd.DataFrame,
    targets: Mapping[str, frozenset[str]] | None,
    level: Level,
    most: int = 8,
    seed: int = 0,
) -> Iterator[tuple[str, Profiles]]:
    """Each task that a screen can have, with its profiles at a level.

    Parameters
    ----------
    features : (N, D) aligned vectors of treated wells
    wells : their wells, row for row
    targets : genes of each compound, by perturbation; None: nothing is known of compounds
    most : profiles of an item, chosen at random from `seed` beyond it; pairs grow with the square

    Returns
    -------
    Compounds at their highest dose. A gene's profiles are those of its guides, where the screen names guides, as
    published. `knockouts` holds compounds of which a target is perturbed, with those targets; types of perturbation
    other than COMPOUND and CRISPR make a task of their own name.
    """
    if not np.isfinite(features).all():
        raise InputError("matching: NaN or infinite feature; correct or leave out the well")
    compound = (wells["perturbation_type"] == "COMPOUND").to_numpy(bool)
    known = targets or {}
    named = compound & wells["perturbation"].isin(list(known)).to_numpy(bool)
    named &= _at_highest_dose(wells)
    of_compounds = _at_most(_profiles(features, wells, named, wells["perturbation"], known, level), most, seed)
    if of_compounds is not None:
        yield SISTERS, of_compounds
    gene = (
        wells["gene"].where(wells["gene"].notna(), wells["perturbation"]) if "gene" in wells else wells["perturbation"]
    )
    guide = wells["guide"] if "guide" in wells else pd.Series(np.nan, index=wells.index, dtype=object)
    # many libraries number the guides of each gene: a guide's name alone is not one reagent
    item = (gene.astype(str) + "\x1f" + guide.astype(str)).where(guide.notna(), gene)
    genes = {str(name): frozenset([str(own)]) for name, own in zip(item[~compound], gene[~compound])}
    for kind in sorted(set(wells["perturbation_type"][~compound])):
        rows = (wells["perturbation_type"] == kind).to_numpy(bool)
        reagents = _at_most(_profiles(features, wells, rows, item, genes, level), most, seed)
        if reagents is None:
            continue
        if guide[rows].notna().any():
            yield GUIDES if kind == "CRISPR" else f"{kind}-{GUIDES}", reagents
        if of_compounds is not None:
            both = _matched(of_compounds, reagents)
            if both is not None:
                yield KNOCKOUTS if kind == "CRISPR" else str(kind), both


def _at_highest_dose(wells: pd.DataFrame) -> np.ndarray:
    """(N,) bool: wells without a dose, or at the highest dose of their perturbation."""
    if "concentration" not in wells:
        return np.ones(len(wells), dtype=bool)
    dose = wells["concentration"].astype(float)
    highest = dose.groupby(wells["perturbation"]).transform("max")
    return np.array((dose.isna() & highest.isna()) | (dose == highest))


def _profiles(
    features: np.ndarray,
    wells: pd.DataFrame,
    rows: np.ndarray,
    item: pd.Series,
    targets: Mapping[str, frozenset[str]],
    level: Level,
) -> Profiles | None:
    """Means of the wells `rows` by item and block; None where there are fewer than two."""
    rows = np.flatnonzero(rows & item.notna().to_numpy(bool))
    if not len(rows):
        return None
    chosen = wells.iloc[rows]
    keys = pd.DataFrame({"item": item.iloc[rows].astype(str), "kind": chosen["perturbation_type"].astype(str)})
    keys = keys.assign(**{column: chosen[column].fillna("").astype(str) for column in level.differ})
    order = np.argsort(chosen["well_id"].to_numpy(str), kind="stable")  # sums do not depend on row order
    grouped = keys.groupby(list(keys.columns), sort=True)
    names = grouped.size().index.to_frame(index=False)
    codes = grouped.ngroup().to_numpy()
    sums = np.zeros((len(names), features.shape[1]))
    np.add.at(sums, codes[order], np.asarray(features, dtype=np.float64)[rows[order]])
    vectors = sums / np.bincount(codes, minlength=len(names))[:, None]
    labels = tuple(targets[name] for name in names["item"])
    if len(names) < 2:
        return None
    kinds = names["kind"].to_numpy(object)
    return Profiles(vectors, names["item"].to_numpy(object), kinds, names[list(level.differ)], labels)


def _at_most(profiles: Profiles | None, most: int, seed: int) -> Profiles | None:
    """Those of a random choice of at most `most` blocks of each item."""
    if profiles is None:
        return None
    shuffled = np.random.default_rng(seed).permutation(len(profiles.items))
    place = pd.Series(profiles.items[shuffled]).groupby(profiles.items[shuffled]).cumcount().to_numpy()
    rows = np.sort(shuffled[place < most])
    return Profiles(
        profiles.vectors[rows],
        profiles.items[rows],
        profiles.kinds[rows],
        profiles.blocks.iloc[rows].reset_index(drop=True),
        tuple(profiles.targets[row] for row in rows),
    )


def _matched(compounds: Profiles, reagents: Profiles) -> Profiles | None:
    """Compounds of which a target is perturbed, with those targets alone, then all reagents; None without any."""
    perturbed = frozenset().union(*reagents.targets)
    shared = [own & perturbed for own in compounds.targets]
    kept = np.array([bool(own) for own in shared], dtype=bool)
    if not kept.any():
        note("matching: no compound has a target that is perturbed in the screen; compounds are not matched with genes")
        return None
    return Profiles(
        np.concatenate([compounds.vectors[kept], reagents.vectors]),
        np.concatenate([compounds.items[kept], reagents.items]),
        np.concatenate([compounds.kinds[kept], reagents.kinds]),
        pd.concat([compounds.blocks[kept], reagents.blocks], ignore_index=True),
        (*(own for own, there in zip(shared, kept) if there), *reagents.targets),
    )
