"""Small screens for the tests of hits: plates that hold every perturbation once, and controls."""

import numpy as np
import pandas as pd


def screen(strength=0.0, *, plates=4, perturbations=20, controls=8, size=24, seed=0, active=None, spread=0.5):
    """Features and wells; the first `active` perturbations (default: all) have an effect of `strength` of their own.

    spread : size of what the wells of a plate share.
    """
    rng = np.random.default_rng(seed)
    names = [f"t{i:02d}" for i in range(perturbations)] + ["DMSO"] * controls
    wells = pd.concat([pd.DataFrame({"perturbation": names, "plate": f"p{p}"}) for p in range(plates)])
    wells = wells.reset_index(drop=True)
    wells["well_id"] = [f"w{i:05d}" for i in range(len(wells))]
    wells["experiment"], wells["perturbation_type"] = "e1", "COMPOUND"
    wells["control"] = np.where(wells["perturbation"] == "DMSO", "negative", None)
    effects = strength * rng.normal(size=(len(names), size))
    effects[perturbations if active is None else active :] = 0
    shared = spread * rng.normal(size=(plates, size))
    features = rng.normal(size=(len(wells), size)) + np.tile(effects, (plates, 1)) + np.repeat(shared, len(names), 0)
    return features, wells


def shuffled(wells, seed, among=None):
    """Wells whose perturbation and control are permuted within each plate, among the rows that `among` (bool) picks."""
    rng = np.random.default_rng(seed)
    order = np.arange(len(wells))
    rows = np.arange(len(wells)) if among is None else np.flatnonzero(among)
    for _, part in pd.Series(rows).groupby(wells["plate"].to_numpy()[rows]):
        order[part] = rng.permutation(part.to_numpy())
    labels = ["perturbation", "control", *(["concentration"] if "concentration" in wells else [])]
    return wells.assign(**{name: wells[name].to_numpy()[order] for name in labels})
