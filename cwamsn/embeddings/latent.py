"""The latent variables of a simulated screen as embeddings: the upper and the lower bound of every benchmark."""

import numpy as np
import pandas as pd

from cwamsn.embeddings.files import features_frame
from cwamsn.errors import InputError

PARTS = ("phenotype", "nuisance")
# Controls have no phenotype; an alignment that divides by their spread needs some, far below any effect.
JITTER = 1e-6


def latent_columns(truth: pd.DataFrame, part: str) -> list[str]:
    """The columns of a simulated screen's ground truth that hold `part` and vary over its wells."""
    if part not in PARTS:
        raise InputError(f"latent: {part!r} is not known; known: {', '.join(PARTS)}")
    names = [c for c in truth.columns if c.startswith(f"{part}_") and truth[c].max() > truth[c].min()]
    if not names:
        raise InputError(f"latent: the ground truth has no {part} that varies; give the screen some of it")
    return names


def latent_embeddings(truth: pd.DataFrame, wells: pd.DataFrame, part: str) -> pd.DataFrame:
    """The latent variables of each well of a simulated screen.

    Parameters
    ----------
    truth : the screen's ground truth: well_id, phenotype_*, nuisance_*
    wells : wells to embed
    part : `phenotype` (the oracle) or `nuisance`

    Returns
    -------
    Embeddings (contract `embeddings`) sorted by well_id.
    """
    names = latent_columns(truth, part)
    known = truth.set_index("well_id")[names].reindex(np.sort(wells["well_id"].to_numpy(dtype=str)))
    if known.isna().any(axis=None):
        raise InputError(f"latent: well {known.index[known.isna().any(axis=1)][0]} is not in the ground truth")
    values = known.to_numpy() + JITTER * np.random.default_rng(0).standard_normal(known.shape)
    return features_frame(known.index.to_numpy(), values.astype(np.float32))
