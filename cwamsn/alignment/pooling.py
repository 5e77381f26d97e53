"""Wells pooled into a map: one vector per perturbation and dose."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pandas as pd
from scipy import sparse

from cwamsn.errors import InputError
from cwamsn.notes import note
from cwamsn.vocabulary import RXRX3_DOSES
from cwamsn.wells import order_of_ids

NEAR = 1e-6  # relative: a dose read as float32 is the same dose
KEYS = ["perturbation_type", "perturbation", "concentration"]


def aggregate(
    features: np.ndarray, wells: pd.DataFrame, pool: str = "wells", concentrations: Sequence[float] | None = RXRX3_DOSES
) -> pd.DataFrame:
    """Pool aligned wells into a map, as EFAAR's RxRx3-core notebook does it.

    Controls of compound experiments are dropped (CRISPR controls stay, as one row of the map), and so are doses not
    among `concentrations`; both are noted. Wells are averaged by perturbation type, perturbation and concentration.

    Parameters
    ----------
    features : (N, D) array, one row per well
    wells : wells table, N rows in the same order
    pool : `wells` (mean over all wells), `guide_mean` or `guide_median` (over the means of each gene's guides)
    concentrations : doses to keep, µM; None: all

    Returns
    -------
    Map (contract `map`), sorted by perturbation type, perturbation and concentration.
    """
    if pool not in ("wells", "guide_mean", "guide_median"):
        raise InputError(f"alignment.pool: {pool!r} is not known; known: wells, guide_mean, guide_median")
    if len(features) != len(wells):
        raise InputError(f"aggregate: {len(features)} embeddings for {len(wells)} wells; match them by well_id first")
    dose = listed_doses(column(wells, "concentration").to_numpy(dtype=float), concentrations)
    rows = kept_rows(wells, concentrations)
    _note_left_out(wells, rows, concentrations)
    if not len(rows):
        raise InputError("aggregate: no well is left to pool; check perturbation, control and alignment.concentrations")
    table = pd.DataFrame({key: column(wells, key).to_numpy()[rows] for key in KEYS})
    table["concentration"] = dose[rows]
    # wells of a group are summed in the order of well_id, so that row order does not change a digit
    order = order_of_ids(wells.iloc[rows])
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


def listed_doses(doses: np.ndarray, concentrations: Sequence[float] | None) -> np.ndarray:
    """`doses` (µM), where one that differs only by rounding from one of `concentrations` is set to it."""
    doses = np.array(doses, dtype=float)
    for value in concentrations if concentrations is not None else ():
        doses[np.isclose(doses, value, rtol=NEAR, atol=0)] = value
    return doses


def kept_rows(wells: pd.DataFrame, concentrations: Sequence[float] | None) -> np.ndarray:
    """Indices of the wells that enter the map."""
    return np.flatnonzero(_poolable(wells) & _listed(wells, concentrations))


def _poolable(wells: pd.DataFrame) -> np.ndarray:
    """(N,) bool: wells with a perturbation that are not controls of compound experiments."""
    compound = (wells["perturbation_type"] == "COMPOUND").to_numpy()
    return wells["perturbation"].notna().to_numpy() & ~(compound & wells["control"].notna().to_numpy())


def _listed(wells: pd.DataFrame, concentrations: Sequence[float] | None) -> np.ndarray:
    """(N,) bool: wells without a dose, or with one of `concentrations`."""
    dose = column(wells, "concentration").to_numpy(dtype=float)
    if concentrations is None:
        return np.ones(len(wells), dtype=bool)
    return np.isnan(dose) | np.isin(listed_doses(dose, concentrations), np.asarray(concentrations, dtype=float))


def _note_left_out(wells: pd.DataFrame, rows: np.ndarray, concentrations: Sequence[float] | None) -> None:
    """Note the wells, doses and compounds that do not enter the map."""
    unnamed = int(wells["perturbation"].isna().sum())
    if unnamed:
        note(f"{unnamed} of {len(wells)} wells have no perturbation and are not in the map")
    out = wells[_poolable(wells) & ~_listed(wells, concentrations)]
    if out.empty:
        return
    counts = out["concentration"].astype(float).value_counts().sort_index()
    doses = ", ".join(f"{dose:g}" for dose in counts.index[:8]) + (", ..." if len(counts) > 8 else "")
    lost = sorted(set(out["perturbation"]) - set(wells["perturbation"].iloc[rows]))
    whole = f"; {len(lost)} perturbations are lost with them ({', '.join(lost[:5])}{', ...' * (len(lost) > 5)})"
    note(
        f"{len(out)} wells of {out['perturbation'].nunique()} perturbations at doses that alignment.concentrations "
        f"does not list ({doses} µM) are not in the map{whole if lost else ''}"
    )


def group_codes(table: pd.DataFrame) -> tuple[np.ndarray, pd.DataFrame]:
    """(N,) index of each row's group, and the groups' keys; groups are sorted by key, missing values last."""
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
