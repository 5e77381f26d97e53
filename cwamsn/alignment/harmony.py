"""Harmony (Korsunsky et al. 2019) over experiments, by `harmonypy`."""

import numpy as np
import pandas as pd

from cwamsn.alignment.linear import pca


def harmonize(
    values: np.ndarray,
    experiments: np.ndarray,
    controls: np.ndarray,
    *,
    n_components: int | None = None,
    seed: int = 0,
    threads: int = 1,
) -> np.ndarray:
    """Project all wells (N, D) on the PCA of the controls (N, bool), then let Harmony mix the experiments (N,).

    Returns (N, K). Harmony looks at all wells, so it is not an alignment on controls alone: where experiments hold
    different perturbations, it also removes what differs between these.
    """
    import harmonypy

    mean, basis = pca(values[controls], n_components)
    projected = (values - mean) @ basis
    if len(np.unique(experiments)) == 1:
        return projected
    fitted = harmonypy.run_harmony(
        projected,
        pd.DataFrame({"experiment": experiments}),
        "experiment",
        random_state=seed,
        ncores=threads,
        verbose=False,
    )
    return np.asarray(fitted.Z_corr, dtype=np.float64)
