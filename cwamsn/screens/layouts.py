"""What cross-well alignment can and cannot remove, read from a plate layout alone.

Two wells of one perturbation form a training pair. A nuisance factor that differs between them is pushed out of the
representation; one that they share is a cue by which the pair can be recognised, and is rewarded instead.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse

from cwamsn.errors import InputError
from cwamsn.screens.names import parse_addresses

FACTORS = ("plate", "plate_map", "experiment", "row", "column")


def layout_report(
    wells: pd.DataFrame,
    factors: tuple[str, ...] = FACTORS,
    removable_from: float = 0.25,
    shuffles: int = 3,
    seed: int = 0,
) -> pd.DataFrame:
    """How each nuisance factor stands to the perturbation, one row a factor.

    Parameters
    ----------
    wells : `perturbation`, the columns of `factors` that are known, and `control`, whose wells are left out if given.
    removable_from : relative variation within perturbations from which a factor counts as removable.
    shuffles, seed : the level of mutual information to be expected by chance is the mean over so many random layouts.

    Returns
    -------
    factor, levels, perturbations (with two wells or more),
    differing_pairs : probability that two wells of a perturbation differ in the factor, mean over perturbations,
    variation_within : the same relative to two wells drawn from the whole screen (1: as at random, 0: shared),
    mutual_information : I(perturbation; factor) / H(factor), between 0 and 1,
    mutual_information_chance : the same after shuffling, which is far from 0 with few wells a perturbation,
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


def _factor(wells: pd.DataFrame, factor: str, removable_from: float, shuffles: int, rng: np.random.Generator) -> dict:
    row = {"factor": factor, "levels": 0, "perturbations": 0, "differing_pairs": np.nan, "variation_within": np.nan}
    row |= {"mutual_information": np.nan, "mutual_information_chance": np.nan, "verdict": "untestable"}
    known = wells[wells[factor].notna()] if factor in wells else wells.iloc[:0]
    if not len(known):
        return {**row, "reason": "not recorded"}
    perturbation = pd.factorize(known["perturbation"])[0]
    level = pd.factorize(known[factor])[0]
    size = np.bincount(perturbation)
    row |= {"levels": int(level.max() + 1), "perturbations": int((size > 1).sum())}
    if row["levels"] < 2:
        return {**row, "reason": "one level only"}
    if not row["perturbations"]:
        return {**row, "reason": "no perturbation has two wells"}
    within = differing_pairs(perturbation, level)
    total = differing_pairs(np.zeros_like(level), level)
    chance = np.mean([normalised_information(perturbation, rng.permutation(level)) for _ in range(shuffles)])
    row |= {
        "differing_pairs": within,
        "variation_within": within / total,
        "mutual_information": normalised_information(perturbation, level),
        "mutual_information_chance": float(chance),
        "verdict": "removable" if within / total >= removable_from else "shortcut",
    }
    return {**row, "reason": ""}


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


def infer_plate_maps(plate: pd.Series, perturbation: pd.Series, overlap: float = 0.5) -> pd.Series:
    """Plate map of each well where none is recorded: plates that share most of their perturbations have one map.

    Two plates are joined if they share more than `overlap` of the smaller one's perturbations. One label a well,
    the name of the map's first plate.
    """
    plates, plate_names = pd.factorize(plate, sort=True)
    compounds, _ = pd.factorize(perturbation)
    known = compounds >= 0
    shape = (len(plate_names), int(compounds.max()) + 1)
    holds = sparse.csr_matrix((np.ones(known.sum()), (plates[known], compounds[known])), shape=shape)
    holds.data[:] = 1
    shared = (holds @ holds.T).toarray()
    smaller = np.minimum.outer(shared.diagonal(), shared.diagonal())
    _, label = sparse.csgraph.connected_components(sparse.csr_matrix(shared > overlap * smaller), directed=False)
    first = pd.Series(plate_names).groupby(label).first()
    return pd.Series(first.to_numpy()[label[plates]], index=plate.index)


def read_bray_table(path: str | Path) -> pd.DataFrame:
    """The plate, well, broad_sample, pert_id table of the Bray screen as wells; plate maps inferred, DMSO left out."""
    table = pd.read_csv(path, dtype={"plate": str})
    wells = table[table["broad_sample"] != "DMSO"].reset_index(drop=True)
    position = parse_addresses(wells["well"], str(path))
    return pd.DataFrame(
        {
            "perturbation": wells["pert_id"],
            "plate": wells["plate"],
            "plate_map": infer_plate_maps(wells["plate"], wells["pert_id"]),
            "row": position["row"],
            "column": position["column"],
        }
    )


def read_rxrx3_metadata(path: str | Path, perturbation_type: str) -> pd.DataFrame:
    """RxRx3-core's metadata as wells of one perturbation type without controls; plate and position where known."""
    path = Path(path)
    table = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path, low_memory=False)
    table = table[(table["perturbation_type"] == perturbation_type) & ~table["treatment"].str.contains("_control")]
    wells = pd.DataFrame(
        {"perturbation": table["treatment"].str.split("_").str[0], "experiment": table["experiment_name"]}
    )
    if "plate" in table:
        wells["plate"] = table["experiment_name"] + "_" + table["plate"].astype(str)
    if "address" in table:
        wells[["row", "column"]] = parse_addresses(table["address"], str(path))[["row", "column"]]
    return wells


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m cwamsn.screens.layouts", description=__doc__.splitlines()[0])
    parser.add_argument("kind", choices=["wells", "bray", "rxrx3-genes", "rxrx3-compounds"])
    parser.add_argument("path", type=Path, help="wells.parquet, the Bray table, or RxRx3-core's metadata")
    chosen = parser.parse_args()
    if chosen.kind == "wells":
        wells = pd.read_parquet(chosen.path)
    elif chosen.kind == "bray":
        wells = read_bray_table(chosen.path)
    else:
        wells = read_rxrx3_metadata(chosen.path, "CRISPR" if chosen.kind == "rxrx3-genes" else "COMPOUND")
    print(layout_report(wells).round(3).to_markdown(index=False))


if __name__ == "__main__":
    main()
