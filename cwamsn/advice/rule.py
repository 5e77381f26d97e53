"""Which way to align: the cheapest that nothing dearer is shown to be above, on screens like this one."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from cwamsn.advice.evidence import COST, METRICS
from cwamsn.advice.situation import Situation, shares_places

PAIRED = ("head", "cross-well")
"""Ways that pair wells of a perturbation."""
NOT_PROBED = ("recall", "ap")
"""What a head is compared by with its own features: a linear head with as many outputs is a change of coordinates, from
which a linear probe reads the same phenotype, so that a difference there is one of rounding and regularisation."""
NO_WIDTH = 1e-9  # of an interval that only rounding has given one
ALIKE = ["metric", "shared", "active", "wells"]
"""Rows that measure the same: of these, those of most pairs of screens count, which few pairs are not to overrule."""
FEWEST_SCREENS = 3  # two pairs of screens may agree by chance, and then have an interval of no width


@dataclass(frozen=True)
class Comparison:
    """One way to align against another one, at some points."""

    first: str
    second: str
    verdict: str
    """`above`, `below`, `mixed` (above in one number, below in another), `not told apart`, or `not measured`."""
    rows: pd.DataFrame
    """The evidence that it rests on, that of several pairs of screens."""


@dataclass(frozen=True)
class Advice:
    """Which way to take, and what speaks for it."""

    take: str
    because: str
    """Why ways that pair wells are out of the question; empty where they are not."""
    comparisons: tuple[Comparison, ...]
    """Of all pairs of ways that remain, at the nearest points."""
    points: tuple[str, ...]
    """The nearest points of the map."""
    active: float | None
    """Share of active perturbations at these points."""


def advise(situation: Situation, evidence: pd.DataFrame) -> list[Advice]:
    """What to take for a screen.

    Ways that pair wells are out where no perturbation has two wells, or where all its wells lie on one plate. Of the
    others the cheapest is taken first; each dearer one takes its place if it is above it at the nearest points of the
    evidence: at least one paired 95 % interval of recall, compound-gene AP or phenotype read lies above 0, and none
    below. The nearest points are those where replicates share position or batch as they do in this screen; of these,
    those with the nearest share of active perturbations; of these, those with the nearest number of wells (as ratio).

    Parameters
    ----------
    situation : of the screen
    evidence : as :func:`cwamsn.advice.read_evidence` gives it

    Returns
    -------
    One advice; one per share of active perturbations in the evidence where that of the screen is not known.
    """
    because = _no_pairs(situation)
    ways = [way for way in COST if not (because and way in PAIRED)]
    like = shares_places(situation.shared, situation.verdicts)
    if like is not None:
        same = [shares_places(text.split()) == like for text in evidence["shared"]]
        evidence = evidence.loc[np.array(same, bool)]
    levels = [situation.active] if situation.active is not None else sorted(evidence["active"].unique())
    return [_at(_near(evidence, level, situation.wells), ways, because) for level in levels or [None]]


def _no_pairs(situation: Situation) -> str:
    if situation.wells < 2:
        return "most perturbations have a single well, so there are no pairs of wells"
    if situation.verdicts.get("plate") == "shortcut":
        return "the wells of a perturbation lie on one plate, so pairs cannot show what a plate is"
    return ""


def _near(evidence: pd.DataFrame, active: float | None, wells: float) -> pd.DataFrame:
    """Rows of the nearest points."""
    if active is not None:
        evidence = _nearest(evidence, (evidence["active"] - active).abs())
    return _nearest(evidence, np.log(evidence["wells"] / max(wells, 1)).abs())


def _nearest(rows: pd.DataFrame, away: pd.Series) -> pd.DataFrame:
    return rows[away <= away.min() + 1e-9]


def _at(evidence: pd.DataFrame, ways: list[str], because: str) -> Advice:
    pairs = [(first, second) for i, first in enumerate(ways) for second in ways[:i]]
    comparisons = {pair: compared(evidence, *pair) for pair in pairs}
    take = ways[0]
    for way in ways[1:]:
        if comparisons[way, take].verdict == "above":
            take = way
    levels = evidence["active"].unique()
    points = tuple(dict.fromkeys(evidence["point"]))
    return Advice(take, because, tuple(comparisons.values()), points, float(levels[0]) if len(levels) == 1 else None)


def compared(evidence: pd.DataFrame, first: str, second: str) -> Comparison:
    """What the evidence says of two ways to align.

    evidence : rows of the points that count.
    first, second : keys of `TITLES`, the dearer first.

    Where several points measure the same in one situation, those of most pairs of screens count.
    """
    metrics = NOT_PROBED if (first, second) == ("head", "fixed") else tuple(METRICS)
    own = evidence[(evidence["first"] == first) & (evidence["second"] == second) & evidence["metric"].isin(metrics)]
    own = own[(own["screens"] >= FEWEST_SCREENS) & (own["ci_high"] - own["ci_low"] > NO_WIDTH)]  # or no interval
    own = own[own["screens"] == own.groupby(ALIKE)["screens"].transform("max")]
    above, below = bool((own["ci_low"] > 0).any()), bool((own["ci_high"] < 0).any())
    told = {(True, False): "above", (False, True): "below", (True, True): "mixed", (False, False): "not told apart"}
    return Comparison(first, second, told[above, below] if len(own) else "not measured", own)
