"""What of a screen decides how to align: what replicates share, how many there are, and how many perturbations act."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pandas as pd

from cwamsn.screens import layout_report
from cwamsn.wells import is_treated

PLACES = ("row", "column")
GROUPS = ("experiment", "batch", "plate_map")
"""What plates that were made together have in common: the batch, by either name, and the plate map."""


@dataclass(frozen=True)
class Situation:
    """A screen whose wells could be aligned with each other."""

    screen: str
    perturbations: int
    wells: float
    """Per perturbation, the median."""
    verdicts: Mapping[str, str]
    """Of the layout report, by factor."""
    active: float | None = None
    """Share of the perturbations that act; None: not known."""
    active_from: str = ""
    """How it is known."""

    @property
    def shared(self) -> list[str]:
        """Factors other than the plate that the wells of a perturbation share."""
        return [name for name in (*GROUPS, *PLACES) if self.verdicts.get(name) == "shortcut"]


def situation_of(
    wells: pd.DataFrame,
    screen: str,
    active: float | None = None,
    active_from: str = "",
    report: pd.DataFrame | None = None,
) -> Situation:
    """The situation of a screen.

    Parameters
    ----------
    wells : `perturbation`, the places and groups that are known, and `control`, whose wells count for nothing
    screen : its name
    active : share of the perturbations that act, where it is known
    active_from : how it is known, for the sentence
    report : the screen's layout report, if it is at hand

    Raises
    ------
    InputError
        The table has no perturbations.
    """
    report = layout_report(wells, shuffles=1) if report is None else report
    counts = wells.loc[is_treated(wells) if "control" in wells else slice(None), "perturbation"].value_counts()
    verdicts = dict(zip(report["factor"], report["verdict"]))
    return Situation(screen, len(counts), float(counts.median()) if len(counts) else 0.0, verdicts, active, active_from)


def shares_places(shared: Iterable[str], verdicts: Mapping[str, str] | None = None) -> bool | None:
    """Whether wells of a perturbation share their position or batch; None where the position is not known.

    shared : factors that they share.
    verdicts : of all factors by the layout report; None: all are known.
    """
    if set(shared) & {*GROUPS, *PLACES}:
        return True
    known = verdicts is None or any(verdicts.get(place) == "removable" for place in PLACES)
    return False if known else None
