"""The folder with a screen's plates: the page and, where the screen has crops, pictures of its wells."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from cwamsn.errors import InputError
from cwamsn.options import Options
from cwamsn.pictures import Thumbnails
from cwamsn.plates.montages import write_montages
from cwamsn.plates.numbers import Number, numbers_of_profiles, numbers_of_qc, numbers_of_wells
from cwamsn.plates.page import plate_table, write_page
from cwamsn.profiles import Profiles

PAGE, MONTAGES = "plates.html", "montages"


@dataclass(frozen=True, kw_only=True)
class PlateOptions(Options):
    """Section `plates` of the configuration."""

    features: list[str] = field(default_factory=list)
    """Names of features of the profiles that plates can be coloured by."""
    montages: bool = True
    """Whether pictures of the wells are made, where there are crops."""
    tile: int = 48
    """Longer side of a well in them, pixels."""


def write_plates(
    folder: Path,
    wells: pd.DataFrame,
    *,
    title: str,
    qc: pd.DataFrame | None = None,
    profiles: Mapping[str, Profiles] | None = None,
    thumbnails: Thumbnails | None = None,
    options: PlateOptions | None = None,
    threads: int = 1,
    simulated: bool = False,
    alone: str = "",
) -> list[Number]:
    """Write `plates.html` and, with thumbnails, the folder `montages` beside it; return the numbers it can show.

    Parameters
    ----------
    folder : for the page
    wells : wells table of the screen
    title : name of the screen
    qc : QC table of the screen's fields
    profiles : of the screen's wells, by what they are called; an empty name where there is only one
    thumbnails : of the screen's crops
    options : section `plates` of the configuration
    threads : plates whose pictures are made at the same time
    simulated : whether the images are simulated; the page says so
    alone : command that writes the page alone; shown on it

    Raises
    ------
    InputError
        Wells that do not fit on a plate, a feature that no profiles have, or nothing at all to show.
    """
    options = options or PlateOptions()
    table = plate_table(wells)
    numbers = numbers_of_qc(wells, qc) if qc is not None else []
    numbers += numbers_of_wells(wells)
    missing = set(options.features)
    for label, own in (profiles or {}).items():
        known = [name for name in options.features if name in own.names]
        missing -= set(known)
        numbers += numbers_of_profiles(wells, own, label=label, features=known)
    if missing:
        raise InputError(f"plates: no profiles have the feature {sorted(missing)[0]!r}; correct `features`")
    if not numbers:
        raise InputError("plates: nothing to show; give the folder of a screen with its QC table, or profiles")
    montages = None
    if thumbnails is not None and options.montages:
        if wells["well_id"].duplicated().any():
            raise InputError("plates: a well stands twice in the wells table")
        placed = table.wells[["plate", "well_id", "row", "column"]]
        montages = write_montages(thumbnails, placed, table.shape, folder / MONTAGES, threads=threads)
    page = folder / PAGE
    page.parent.mkdir(parents=True, exist_ok=True)
    write_page(page, table, numbers, title=title, montages=montages, simulated=simulated, alone=alone)
    return numbers
