"""Profiles that a head was learned for: replicates that it was trained on resemble each other for that reason alone."""

import numpy as np
import pandas as pd

from cwamsn.notes import note
from cwamsn.profiles import LEARNED, LEARNED_ON, Profiles

TRAINED_ON = "trained on"
"""What stands in the column `negatives` of a perturbation that the head was trained on or stopped by."""


def trained_on(profiles: Profiles, alignment: str) -> list[str]:
    """Perturbations that the head behind an alignment has seen, sorted; empty where no head was learned. Noted."""
    if alignment != LEARNED or LEARNED_ON not in profiles.obs:
        return []
    seen = profiles.obs[LEARNED_ON].isin(("training", "validation"))
    names = sorted(profiles.obs.loc[seen, "Metadata_Perturbation"].dropna().unique())
    note(
        f"hits: the head was trained on {len(names)} of the perturbations; their replicates are alike for that reason, "
        "so their p-values and neighbours prove nothing (docs/heads.md)"
    )
    return names


def marked_negatives(table: pd.DataFrame, how: str, names: list[str]) -> pd.DataFrame:
    """The table with a column `negatives`: how its negatives were come by, or that a head was trained on the row."""
    return table.assign(negatives=np.where(table["perturbation"].isin(names), TRAINED_ON, how))
