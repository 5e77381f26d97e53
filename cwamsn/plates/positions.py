"""Positions that stand out over plates: brighter, emptier or farther from the controls than the rest of their plate."""

import numpy as np
import pandas as pd
from scipy import stats

LEAST_PLATES = 3
MAD = 1.4826
"""Times the median absolute deviation: the standard deviation of normal values."""


def standardised(values: np.ndarray, plates: np.ndarray) -> np.ndarray:
    """(N,) values less the median of their plate, over 1.4826 times its median absolute deviation.

    NaN on plates on which more than half of the wells are equal.
    """
    frame = pd.Series(np.asarray(values, dtype=np.float64))
    middle = frame.groupby(plates).transform("median")
    spread = MAD * (frame - middle).abs().groupby(plates).transform("median")
    return np.asarray(((frame - middle) / spread.where(spread > 0)).to_numpy())


def outstanding_positions(
    values: np.ndarray, plates: np.ndarray, positions: np.ndarray, *, level: float = 0.05, least: float = 1.0
) -> pd.DataFrame:
    """Positions whose wells differ from the rest of their plate in the same direction on many plates.

    A position counts on which the median over plates of the standardised value is at least `least` from 0 and the mean
    differs from 0 (two-sided t-test over plates) at the false discovery rate `level` (Benjamini and Hochberg 1995, over
    all tested positions). Needs three plates.

    Parameters
    ----------
    values : (N,) one number per well; NaN where not known
    plates : (N,) name of each well's plate
    positions : (N,) number of each well's position on its plate

    Returns
    -------
    pd.DataFrame
        Columns `position`, `plates` (how many), `median` (in robust standard deviations of a plate), `q_value`; the
        farthest first.
    """
    frame = pd.DataFrame({"position": positions, "z": standardised(values, plates)}).dropna()
    groups = frame.groupby("position")["z"]
    found = pd.DataFrame(
        {"plates": groups.size(), "median": groups.median(), "mean": groups.mean(), "sd": groups.std()}
    )
    found = found[found["plates"] >= LEAST_PLATES]
    if not len(found):
        return pd.DataFrame({"position": [], "plates": [], "median": [], "q_value": []})
    with np.errstate(divide="ignore", invalid="ignore"):
        t = found["mean"] / (found["sd"] / np.sqrt(found["plates"]))
    p = np.where(t.isna(), 1.0, 2 * stats.t.sf(t.abs(), found["plates"] - 1))
    found["q_value"] = stats.false_discovery_control(p)
    found = found[(found["q_value"] <= level) & (found["median"].abs() >= least)].reset_index()
    order = np.lexsort((found["position"], -found["median"].abs()))
    return found.iloc[order][["position", "plates", "median", "q_value"]].reset_index(drop=True)


def commonest_treatment(perturbations: pd.Series, positions: np.ndarray) -> pd.Series:
    """Of each position, in how many plates its commonest perturbation lies there."""
    known = pd.DataFrame({"position": positions, "perturbation": perturbations.to_numpy()}).dropna()
    return known.groupby("position")["perturbation"].agg(lambda names: int(names.value_counts().iloc[0]))
