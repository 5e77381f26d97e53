"""Gaussian vectors: what chance alone scores."""

import numpy as np
import pandas as pd

from cwamsn.embeddings.files import features_frame


def random_embeddings(wells: pd.DataFrame, dimension: int, seed: int) -> pd.DataFrame:
    """Standard normal vectors of `dimension` for every well, by `seed`; the order of `wells` does not matter."""
    names = np.sort(wells["well_id"].to_numpy(dtype=object))
    values = np.random.default_rng(seed).standard_normal((len(names), dimension), dtype=np.float32)
    return features_frame(names, values)
