"""A sample sheet with one row per image; it may carry the treatments itself, or a plate map does."""

import dataclasses
from pathlib import Path

import pandas as pd

from cwamsn.errors import InputError
from cwamsn.naming import plate_name
from cwamsn.notes import note
from cwamsn.screen_specs.sample_sheet import SampleSheetSpec, by_plate
from cwamsn.screen_specs.selection import DEPTHS
from cwamsn.screen_specs.text import TextTable, read_rows
from cwamsn.screens.hosts import Fetched, fetch, usable
from cwamsn.screens.names import parse_addresses
from cwamsn.screens.sources.base import Metadata
from cwamsn.screens.sources.listed import (
    ListedField,
    Listing,
    PlateMaps,
    acquire_listed,
    hint,
    plate_map_of,
    read_plate_maps,
    say_wells_without_entry,
    wells_of,
    wells_without_map,
)
from cwamsn.screens.sources.raw import Acquired, Raw
from cwamsn.text_tables import require_columns

__all__ = ["acquire", "read_wells"]
# Columns that probably hold a treatment, where none is named.
_TREATMENTS = ("compound", "treatment", "perturbation", "broad_sample", "gene", "drug")


def read_wells(screen: str, spec: SampleSheetSpec, cache: Path) -> Metadata:
    """The wells of the plate maps; without one, those of the sheet, with its own treatments where it has them."""
    sheet = fetch(spec.location("sheet"), cache, spec.retry)
    table = _read(sheet, spec)
    images = by_plate(spec.images_in(table))
    for plate in spec.units():
        if plate not in images:
            raise InputError(f"{sheet.url}: has no row of plate {plate}{hint(plate, spec, images)}")
    used = [sheet]
    listed = {plate: list(dict.fromkeys(i.well for i in images[plate])) for plate in spec.units()}
    frame = _frame(table, spec)
    if spec.platemap is not None:
        maps = read_plate_maps(spec, cache, used)
        say_wells_without_entry(maps, listed, spec)
    elif spec.compound_column in table.columns:
        maps = _own_maps(frame, spec, sheet.url)
    else:
        like = next((c for c in table.columns if c.casefold() in _TREATMENTS), None)
        if like:
            note(f"{sheet.url}: column {like} is not used; compound_column: {like} takes it for the treatment")
        maps = wells_without_map(listed, sheet.url)
    batches = _of_plates(frame, spec.experiment_column, spec, sheet.url)
    sources = _of_plates(frame, spec.source_column, spec, sheet.url)
    found = wells_of(screen, spec, maps, batches, used, sources)
    wanted = {*spec.columns().values(), spec.experiment_column, spec.source_column, *_named_columns(spec)}
    foreign = [column for column in table.columns if column not in wanted]
    if foreign:
        found.notes.append(f"columns of the sheet that are not used: {', '.join(foreign)}")
    return found


def _named_columns(spec: SampleSheetSpec) -> list[str | None]:
    if spec.platemap is not None:
        return []
    keys = ("compound", "gene", "guide", "concentration", "smiles", "inchikey", "control")
    return [getattr(spec, f"{key}_column") for key in keys]


def _read(sheet: Fetched, spec: SampleSheetSpec) -> TextTable:
    with usable(sheet):
        return read_rows(sheet.path, sheet.url, spec.separator)


def _frame(table: TextTable, spec: SampleSheetSpec) -> pd.DataFrame:
    frame = pd.DataFrame(list(table.rows.values()), index=list(table.rows), columns=table.columns, dtype=object)
    return frame.assign(
        _unit=frame[spec.plate_column].map({p: plate_name(p) for p in frame[spec.plate_column].unique()})
    )


def _own_maps(frame: pd.DataFrame, spec: SampleSheetSpec, source: str) -> PlateMaps:
    """The treatments of the sheet's own columns. InputError for a well with two."""
    dose = spec.concentration_column
    here = dataclasses.replace(
        spec,
        platemap_well_column=spec.well_column,
        platemap_plate_column=None,
        concentration_column=dose if dose in frame.columns else None,
    )
    maps = {}
    for plate in spec.units():
        rows = frame[frame["_unit"] == plate]
        columns = [c for c in _named_columns(here) if c in rows.columns]
        address = parse_addresses(rows[spec.well_column], source)["address"]
        for column in dict.fromkeys(columns):
            several = rows.groupby(address)[column].nunique()
            if (several > 1).any():
                well = several.index[(several > 1).argmax()]
                values = ", ".join(map(repr, rows.loc[address == well, column].unique()[:3]))
                raise InputError(
                    f"{source}: well {well} of plate {plate} has {several[well]} values of {column}: {values}"
                )
        table = plate_map_of(rows[~address.duplicated()], source, here)
        maps[plate] = ("", table.drop(columns="_plate").reset_index(drop=True))
    return maps


def _of_plates(frame: pd.DataFrame, column: str | None, spec: SampleSheetSpec, source: str) -> dict[str, str]:
    """Plate → batch or laboratory, where a column names it. InputError for a plate with several, or with none."""
    if not column:
        return {}
    require_columns(frame.columns, (column,), source)
    found = {}
    for plate in spec.units():
        values = frame.loc[frame["_unit"] == plate, column].unique()
        if len(values) > 1 or not values[0]:
            what = f"{len(values)} values" if len(values) > 1 else "no value"
            raise InputError(f"{source}: plate {plate} has {what} of {column}; correct them")
        found[plate] = values[0]
    return found


def acquire(spec: SampleSheetSpec, raw: Raw, wells: pd.DataFrame, cache: Path) -> Acquired:
    """Fetch the images of the plate `raw.unit`; its fields, and those left out with the reason."""
    plate = raw.unit.name
    sheet = fetch(spec.location("sheet"), cache, spec.retry)
    table = _read(sheet, spec)
    stains = {word: stain for stain, word in spec.words(table).items()}
    images = by_plate(spec.images_in(table))
    if plate not in images:
        raise InputError(f"{sheet.url}: has no row of plate {plate}{hint(plate, spec, images)}")
    fields: dict[tuple[str, str], ListedField] = {}
    for image in sorted(images[plate], key=lambda i: float(i.z or 0)):
        if image.channel not in stains:
            continue
        label = f"{sheet.url}: row {image.row}"
        key = (image.well.upper(), image.site)
        field = fields.setdefault(key, ListedField(label, image.well, image.site, {}))
        other = field.images.get(stains[image.channel], ("", ""))[0]
        field.images[stains[image.channel]] = (f"{other}{DEPTHS}{image.path}" if other else image.path, "")
    base = spec.base or (str(sheet.path.parent) if sheet.local else sheet.url.rpartition("/")[0])
    listing = Listing(sheet.url, base, fields.values(), spec.well_column, spec.site_column)
    return acquire_listed(spec, raw, wells, cache, listing)
