"""Wells whose features hold a phenotype, and far more of the plate and of each well."""

import numpy as np
import pandas as pd

from cwamsn.profiles import Profiles, well_profiles


def screen(perturbations=120, replicates=4, features=48, plates=8, seed=0, nuisance=3.0):
    """(N, D) float32 and the wells table: the replicates of a perturbation lie on different plates."""
    rng = np.random.default_rng(seed)

    def axes(count):
        return rng.normal(size=(count, features)) / count**0.5

    phenotype, plate, well = axes(6), axes(6), axes(4)
    what = np.repeat(np.arange(perturbations), replicates)
    where = np.concatenate([rng.permutation(plates)[:replicates] for _ in range(perturbations)])
    values = rng.normal(size=(perturbations, 6))[what] @ phenotype
    values += nuisance * rng.normal(size=(plates, 6))[where] @ plate
    values += 1.5 * rng.normal(size=(len(what), 4)) @ well + 0.3 * rng.normal(size=(len(what), features))
    wells = pd.DataFrame({"perturbation": [f"p{i:03d}" for i in what], "plate": [f"P{i}" for i in where]})
    place = wells.groupby("plate").cumcount()
    wells["row"], wells["column"] = place // 24 + 1, place % 24 + 1
    wells["address"] = [f"{chr(64 + r)}{c:02d}" for r, c in zip(wells["row"], wells["column"])]
    wells["well_id"] = wells["plate"] + "_" + wells["address"]
    wells["screen"], wells["experiment"], wells["perturbation_type"] = "s", "b", "COMPOUND"
    wells["control"] = wells["treatment"] = wells["split"] = None
    return values.astype(np.float32), wells


def profiles(**named) -> Profiles:
    """The same as profiles of wells."""
    values, wells = screen(**named)
    frame = pd.DataFrame(values, columns=[f"feature_{i}" for i in range(values.shape[1])])
    return well_profiles(frame.assign(well_id=wells["well_id"]), wells)
