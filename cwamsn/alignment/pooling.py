"""Wells pooled into a map: one vector a perturbation and dose."""

from itertools import pairwise

import numpy as np
import pandas as pd
from scipy import sparse

from cwamsn.alignment.controls import text_rank
from cwamsn.tables import InputError

# Doses of RxRx3-core that the published evaluation keeps, µM (COMPOUND_CONCENTRATIONS); strays such as 0.26 are dropped
CONCENTRATIONS = (0.0025, 0.01, 0.025, 0.1, 0.25, 1.0, 2.5, 10.0)
KEYS = ["perturbation_type", "perturbation", "concentration"]


def aggregate(
    features: np.ndarray,
    wells: pd.DataFrame,
    pool: str = "wells",
    concentrations: tuple[float, ...] | list[float] | None = CONCENTRATIONS,
) -> pd.DataFrame:
    """Pool aligned wells into a map, as EFAAR's RxRx3-core notebook does it.

    Controls of compound experiments are dropped (the CRISPR controls stay, as one row); the mean is taken by
    perturbation type, perturbation and concentration; doses not among `concentrations` (µM; None: all) are dropped.

    Parameters
    ----------
    features : (N, D) array, one row a well
    wells : wells table, N rows in the same order
    pool : `wells` (mean over all wells), `guide_mean` or `guide_median` (over the means of a gene's guides)

    Returns
    -------
    Map (contract `map`), sorted by perturbation type, perturbation and concentration.
    """
    if pool not in ("wells", "guide_mean", "guide_median"):
        raise InputError(f"alignment.pool: {pool!r} is not known; known: wells, guide_mean, guide_median")
    if len(features) != len(wells):
        raise InputError(f"aggregate: {len(features)} embeddings for {len(wells)} wells; match them by well_id first")
    rows = kept_rows(wells, concentrations)
    if not len(rows):
        raise InputError("aggregate: no well is left to pool; check perturbation, control and alignment.concentrations")
    table = pd.DataFrame({key: column(wells, key).to_numpy()[rows] for key in KEYS})
    table["concentration"] = table["concentration"].astype(float)
    # wells of a group are summed in the order of well_id, so that the order of the rows does not change a digit
    order = np.argsort(text_rank(wells["well_id"].iloc[rows]), kind="stable")
    group, keys = group_codes(table)
    if pool == "wells":
        means = group_means(features, rows[order], group[order], len(keys))
    else:
        guides = pd.Series(column(wells, "guide").to_numpy()[rows]).fillna("").astype(str)
        inner, pairs = group_codes(pd.DataFrame({"group": group, "guide": guides}))
        by_guide = group_means(features, rows[order], inner[order], len(pairs))
        outer = pairs["group"].to_numpy()
        if pool == "guide_mean":
            means = group_means(by_guide, np.arange(len(pairs)), outer, len(keys))
        else:
            starts = np.searchsorted(outer, np.arange(len(keys) + 1))
            means = np.stack([np.median(by_guide[a:b], axis=0) for a, b in pairwise(starts)])
    frame = pd.DataFrame(means, columns=[f"feature_{i}" for i in range(means.shape[1])])
    keys = keys.assign(n_wells=np.bincount(group, minlength=len(keys)).astype(np.int32))
    return pd.concat([keys, frame], axis=1)


def kept_rows(wells: pd.DataFrame, concentrations) -> np.ndarray:
    """Numbers of the wells that enter the map."""
    compound = (wells["perturbation_type"] == "COMPOUND").to_numpy()
    control = wells["control"].notna().to_numpy()
    dose = column(wells, "concentration").to_numpy(dtype=float)
    listed = np.isnan(dose) if concentrations is not None else np.ones(len(wells), dtype=bool)
    if concentrations is not None:
        listed |= np.isin(dose, np.asarray(concentrations, dtype=float))
    return np.flatnonzero(wells["perturbation"].notna().to_numpy() & ~(compound & control) & listed)


def group_codes(table: pd.DataFrame) -> tuple[np.ndarray, pd.DataFrame]:
    """(N,) number of each row's group, and the groups' keys; groups are sorted by key, missing values last."""
    grouped = table.groupby(list(table.columns), sort=True, dropna=False)
    keys = grouped.size().index.to_frame(index=False)
    return grouped.ngroup().to_numpy(), keys


def group_means(features: np.ndarray, rows: np.ndarray, group: np.ndarray, n_groups: int) -> np.ndarray:
    """(n_groups, D) means of `features[rows]` by `group`, summed in the order given."""
    by_group = np.argsort(group, kind="stable")
    counts = np.bincount(group, minlength=n_groups)
    bounds = np.concatenate([[0], np.cumsum(counts)])
    members = sparse.csr_array((np.ones(len(rows)), rows[by_group], bounds), shape=(n_groups, len(features)))
    return (members @ features) / counts[:, None]


def column(wells: pd.DataFrame, name: str) -> pd.Series:
    """An optional column, all missing where the table has none."""
    return wells[name] if name in wells else pd.Series(np.nan, index=wells.index, dtype=object)
