"""Vectors of length 1, whose products are cosines."""

import numpy as np


def unit_rows(features: np.ndarray) -> np.ndarray:
    """Rows of (N, D) divided by their norm, in double precision; a zero row stays zero."""
    features = np.asarray(features, dtype=np.float64)
    norms = np.sqrt(np.einsum("ij,ij->i", features, features))
    norms[norms == 0] = 1.0
    unit: np.ndarray = features / norms[:, None]
    return unit
