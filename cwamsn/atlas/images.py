"""Which wells of an atlas have a picture, and the pictures."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd

from cwamsn.atlas.options import AtlasOptions
from cwamsn.files import progress
from cwamsn.notes import note
from cwamsn.pictures import Thumbnails


def wells_to_picture(
    code: np.ndarray, plate: np.ndarray, treated: int, imaged: np.ndarray, options: AtlasOptions
) -> np.ndarray:
    """Places of the wells with a picture, at most `options.pictures`.

    Parameters
    ----------
    code : (N,) group of each well; groups from `treated` on are negative controls; -1: none
    plate : (N,) codes
    treated : groups that are perturbations
    imaged : (N,) bool, whether the well has a crop

    Notes
    -----
    First one well of every perturbation, then the controls of each plate, then second wells, and so on; a
    perturbation's wells come from different plates as far as it has them. The order depends on nothing but the wells.
    """
    rows = np.flatnonzero(imaged & (code >= 0))
    frame = pd.DataFrame({"row": rows, "code": code[rows], "plate": plate[rows]})
    frame["control"] = frame["code"] >= treated
    frame["repeat"] = frame.groupby(["code", "plate"]).cumcount()  # of a group on this plate
    frame = frame.sort_values(["code", "repeat", "row"], kind="stable")
    frame["turn"] = frame.groupby("code").cumcount()
    controls = frame["control"]
    frame.loc[controls, "turn"] = frame.loc[controls].groupby("plate").cumcount()
    limit = np.where(controls, options.pictures_of_controls, options.pictures_each)
    frame = frame[frame["turn"] < limit]
    return frame.sort_values(["turn", "control", "row"], kind="stable")["row"].to_numpy()[: options.pictures]


def make_pictures(thumbnails: Thumbnails, wells: Sequence[str], threads: int = 1) -> list[bytes]:
    """Pictures of wells that have a crop, in their order."""
    thumbnails.contrast(thumbnails.crops_of(wells[0])[0])  # of all plates, before threads ask for it

    def picture(well: str) -> bytes:
        made = thumbnails.of_well(well)
        assert made is not None
        return made

    with ThreadPoolExecutor(threads) as pool:
        return list(progress(pool.map(picture, wells), "pictures", len(wells), "well"))


def note_without_picture(code: np.ndarray, treated: int, shown: np.ndarray, imaged: np.ndarray) -> None:
    """Say how many perturbations the page has no picture of, and why."""
    have = np.unique(code[shown])
    without = treated - int((have < treated).sum())
    if not without:
        return
    could = len(np.unique(code[imaged & (code >= 0) & (code < treated)]))
    lost = could - (treated - without)
    why = f"{lost:,} for want of room (atlas.pictures)" if lost else "their wells have no crop"
    note(f"atlas: {without:,} of {treated:,} perturbations have no picture: {why}")
