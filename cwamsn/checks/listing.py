"""What a screen says of itself, and which of its images are there: everything that needs no image decoded."""

import contextlib
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from cwamsn import tables
from cwamsn.crops.plates import plate_of
from cwamsn.errors import InputError
from cwamsn.notes import collected
from cwamsn.paths import ScreenPaths
from cwamsn.screen_specs import LoadDataSpec, MorphoHelmSpec, ScreenSpec
from cwamsn.screens import write_wells
from cwamsn.screens.sources import Raw, source_of

_FIELDS = ["unit", "field_id", "well_id", "plate", "site"]


@dataclass
class Listing:
    """A screen without its pixels."""

    wells: pd.DataFrame
    fields: pd.DataFrame
    """Fields that can be read: `unit`, `plate`, `field_id`, `well_id`, `site`, one `uri_` per stain."""
    skipped: pd.DataFrame
    """Fields and wells that are left out: `unit`, `plate`, `field_id`, `well_id`, `site`, `reason`."""
    notes: list[str]
    """What the library says of the wells."""
    faults: dict[str, str]
    """Message of each unit that cannot be used at all."""
    units: list[str]
    looked_at: list[str]
    """Units whose images were listed."""
    sizes: Mapping[str, int] = field(default_factory=dict)
    """Bytes of each local image file."""

    @property
    def stains(self) -> list[str]:
        """Stains in the screen's order."""
        return [c.removeprefix("uri_") for c in self.fields.columns if c.startswith("uri_")]


def list_screen(spec: ScreenSpec, screen: ScreenPaths, cache: Path, units: list[str]) -> Listing:
    """Read the wells of a screen and look for the images of `units`.

    Parameters
    ----------
    spec : the screen as its real source takes it (:func:`cwamsn.screen_specs.host_spec`).
    screen : a folder of the check's own; its wells table is written there.
    cache : folder of downloads.
    units : whose images to look for.

    Raises
    ------
    InputError
        For metadata that cannot be used. A unit that cannot be is one of `faults`.
    """
    with collected(alone=True) as notes, _quiet():
        write_wells(screen, spec, cache)
    wells = tables.read("wells", screen.wells)
    plates = wells.set_index("well_id")["plate"]
    found: list[pd.DataFrame] = []
    skipped: list[pd.DataFrame] = []
    faults: dict[str, str] = {}
    sizes: dict[str, int] = {}
    if isinstance(spec, MorphoHelmSpec) or (isinstance(spec, LoadDataSpec) and spec.load_data is None):
        units = []  # wells alone, whose profiles come from elsewhere
    for name in units:
        raw = Raw(screen.unit(name), glances=True)
        try:
            # What is said of losses is counted over all units below.
            with collected(alone=True), _quiet():
                acquired = source_of(spec).acquire(spec, raw, wells, cache)
        except InputError as error:
            faults[name] = str(error)
            continue
        sizes |= {str(file.path): file.size for file in raw.files.values() if file.local}
        rows = acquired.fields_frame().assign(unit=name)
        found.append(rows.assign(plate=rows["well_id"].map(plates)))
        skipped.append(pd.DataFrame(acquired.skipped, columns=[*_FIELDS[1:], "reason"]).assign(unit=name))
    fields = pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=_FIELDS)
    lost = pd.concat(skipped, ignore_index=True) if skipped else pd.DataFrame(columns=[*_FIELDS, "reason"])
    wells, fields, lost = (frame.assign(plate=_plates(frame)) for frame in (wells, fields, lost))
    return Listing(wells, fields, lost, list(notes), faults, list(units), list(units), sizes)


def _plates(frame: pd.DataFrame) -> pd.Series:
    """Plates that no other experiment has too: RxRx3-core's are numbered from 1 in each."""
    return plate_of(frame) if len(frame) else pd.Series(dtype=object)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """What stages print for their log is not for the reader of a check."""
    with contextlib.redirect_stdout(io.StringIO()):
        yield
