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
    """Project all wells on the PCA of the controls, then let Harmony mix the experiments.

    Harmony uses all wells, so it is not an alignment on controls alone: where experiments hold different perturbations,
    it also removes what differs between these.

    Parameters
    ----------
    values : (N, D) float64
    experiments : (N,) experiment of each well
    controls : (N,) bool, wells that the PCA is fitted on
    n_components : principal components kept; None: all

    Returns
    -------
    (N, K) float64.
    """
    import harmonypy  # heavy, and only for this method

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
