"""Masks and orders over the wells table (:data:`cwamsn.tables.CONTRACTS`), shared by every stage.

Masks are arrays of their own, which callers may change: where pandas copies on write (its next major version, or once
pycytominer is imported), `to_numpy` gives what must not be written to.
"""

import numpy as np
import pandas as pd

from cwamsn.vocabulary import INCHIKEY_BLOCK, NEGATIVE


def is_negative(wells: pd.DataFrame) -> np.ndarray:
    """(N,) bool: whether each well is a negative control."""
    return np.array((wells["control"] == NEGATIVE).to_numpy(dtype=bool, na_value=False))


def is_treated(wells: pd.DataFrame) -> np.ndarray:
    """(N,) bool: whether each well holds a known perturbation and is no control of any kind."""
    return np.array((wells["control"].isna() & wells["perturbation"].notna()).to_numpy(dtype=bool))


def is_kept(wells: pd.DataFrame, keep: str) -> np.ndarray:
    """(N,) bool: whether the screen keeps images of each well, as its key `keep` says.

    keep : `split` (wells of the split), `split_and_controls` (and the negative controls) or `all`. A screen without a
        split keeps all.
    """
    in_split = np.array(wells["split"].notna().to_numpy(dtype=bool))
    if keep == "all" or not in_split.any():
        return np.ones(len(wells), dtype=bool)
    return in_split | is_negative(wells) if keep == "split_and_controls" else in_split


def order_of_ids(wells: pd.DataFrame) -> np.ndarray:
    """(N,) int64: positions that sort the wells by `well_id` as text, so that no result depends on row order."""
    return np.argsort(wells["well_id"].to_numpy(str), kind="stable")


def in_order_of_ids(features: np.ndarray, wells: pd.DataFrame) -> tuple[np.ndarray, pd.DataFrame]:
    """(N, D) features and their (N) wells, both sorted by :func:`order_of_ids`; the wells' index starts at 0 again."""
    order = order_of_ids(wells)
    return features[order], wells.iloc[order].reset_index(drop=True)


def address_at(row: int, column: int) -> str:
    """Address of a 1-based row and column: (1, 1) is A01, (32, 48) is AF48."""
    first, second = divmod(row - 1, 26)
    return ("" if first == 0 else chr(64 + first)) + chr(65 + second) + f"{column:02d}"


def inchikey_block(inchikeys: pd.Series) -> pd.Series:
    """First block of each InChIKey: what two stereoisomers or salts of one molecule share."""
    return inchikeys.str[:INCHIKEY_BLOCK]


def sample_of(wells: pd.DataFrame, size: int, seed: int) -> pd.DataFrame:
    """At most `size` of the wells, drawn from `seed` whatever their order, sorted by id."""
    order = order_of_ids(wells)
    if size < len(wells):
        order = order[np.sort(np.random.default_rng(seed).choice(len(wells), size, replace=False))]
    return wells.iloc[order].reset_index(drop=True)
