"""All units of a screen: one index, one QC table, one set of channel statistics."""

import logging
from collections.abc import Sequence

import pandas as pd

from cwamsn import tables
from cwamsn.crops.options import PlateOptions
from cwamsn.crops.plates import (
    cell_less,
    commonest,
    copies,
    lost,
    repeated_channels,
    repeats,
    suspicious,
    thinned,
    unlike,
)
from cwamsn.crops.statistics import channel_statistics
from cwamsn.errors import InputError
from cwamsn.files import read_json, write_json
from cwamsn.notes import note
from cwamsn.paths import ScreenPaths

log = logging.getLogger(__name__)


def gather_crops(
    screen: ScreenPaths,
    units: Sequence[str],
    plates: PlateOptions | None = None,
    *,
    microns_per_pixel: float | None = None,
) -> None:
    """Gather what :func:`write_crops` wrote for each unit; the result does not depend on the order of the units.

    Writes `screen.crops`, `screen.qc` and `screen.statistics`.

    Parameters
    ----------
    screen, units : paths of the screen, and names of its plates or shards.
    plates : what to do about a plate without a usable field (`lost`) and one that repeats another (`repeated`). What
        looks suspicious is noted with a count per plate.
    microns_per_pixel : side of a pixel, which goes with the statistics; None: not known.

    Raises
    ------
    InputError
        When no unit has a usable field, for such plates, when units differ in the size of their fields or in channels,
        and when a field is in two units.
    """
    plates = plates or PlateOptions()
    units = sorted(units, key=lambda name: screen.unit(name).index)
    of_units = {name: tables.read("qc", screen.unit(name).qc) for name in units}
    qc = pd.concat([frame.astype({"reason": object}) for frame in of_units.values()], ignore_index=True)
    qc = qc.sort_values(["plate", "field_id"], kind="stable", ignore_index=True)
    kept = qc["status"] == "kept"
    log.info("%d fields kept, %d skipped", kept.sum(), (~kept).sum())
    # Snakemake removes the gathered table of a job that fails, not those of the units.
    see = f"see column `reason` in {screen.unit(units[0]).qc.parent}"
    for name, frame in of_units.items():
        if not len(frame):
            note(f"unit {name}: holds no field of the screen")
    if not kept.any():
        why = f" ({commonest(qc['reason'])})" if len(qc) else ""
        raise InputError(f"none of the {len(qc):,} fields of the screen is usable{why}; {see}")
    advice = f"replace its images, leave the plate out, or set crops.plates.lost: warn; {see}"
    _stop_or_note(lost(qc), plates.lost, advice)
    whole, single = repeats(qc), repeated_channels(qc)
    advice = "keep one of them, or set crops.plates.repeated: warn"
    _stop_or_note(copies(qc, whole) + copies(qc, single), plates.repeated, advice)
    qc = _warn_of(qc, whole, "repeated: the pixels of field " + whole["of_field"] + " of plate " + whole["of_plate"])
    texts = single["channel"] + " of field " + single["of_field"] + " of plate " + single["of_plate"]
    qc = _warn_of(qc, single, "repeated channel: " + texts)
    for line in [*thinned(qc), *unlike(qc), *suspicious(qc), *cell_less(qc)]:
        note(line)
    tables.write(qc, "qc", screen.qc)

    indices = {name: tables.read("crops", screen.unit(name).index) for name in units}
    indices = {name: index for name, index in indices.items() if len(index)}
    sizes = {name: tuple(index[["height", "width"]].iloc[0]) for name, index in indices.items()}
    first = next(iter(sizes))
    for name, size in sizes.items():
        if size != sizes[first]:
            raise InputError(
                f"unit {name}: fields of {size[0]} x {size[1]} pixels, unit {first} has {sizes[first][0]} x "
                f"{sizes[first][1]}; set crops.size to the one to keep"
            )
    index = pd.concat(indices.values(), ignore_index=True)
    index = index.sort_values(["plate", "field_id"], kind="stable", ignore_index=True)
    statistics = channel_statistics([read_json(screen.unit(name).statistics) for name in units])
    if microns_per_pixel is not None:
        statistics["microns_per_pixel"] = microns_per_pixel
    tables.write(index, "crops", screen.crops)
    write_json(statistics, screen.statistics)


def _stop_or_note(lines: list[str], choice: str, advice: str) -> None:
    """Raise InputError with `lines` of faulty plates and what to do, or note them if that is the choice."""
    if lines and choice == "stop":
        more = f" (and {len(lines) - 3} more plates)" if len(lines) > 3 else ""
        raise InputError(f"{'; '.join(lines[:3])}{more}; {advice}")
    for line in lines:
        note(f"{line}; taken as crops.plates allows")


def _warn_of(qc: pd.DataFrame, repeated: pd.DataFrame, texts: pd.Series) -> pd.DataFrame:
    """`qc` with the warning `texts` at each row of `repeated`, whose index is that of `qc`."""
    if not len(repeated):
        return qc
    text = texts.groupby(level=0).agg("; ".join)
    before = qc["warning"] if "warning" in qc else pd.Series(None, qc.index, object)
    joined = (before[text.index].fillna("") + "; " + text).str.removeprefix("; ")
    return qc.assign(warning=before.astype(object).where(~qc.index.isin(text.index), joined.reindex(qc.index)))
