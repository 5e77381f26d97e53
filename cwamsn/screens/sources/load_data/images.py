"""Images that a load_data table lists."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from cwamsn.errors import InputError
from cwamsn.screen_specs.load_data import LoadDataSpec
from cwamsn.screens.hosts import fetch
from cwamsn.screens.sources.listed import ListedField, Listing, acquire_listed, hint
from cwamsn.screens.sources.load_data.listing import read_load_data
from cwamsn.screens.sources.raw import Acquired, Raw


def acquire(spec: LoadDataSpec, raw: Raw, wells: pd.DataFrame, cache: Path) -> Acquired:
    """Fetch the images of the plate `raw.unit`; its fields, and those left out with the reason.

    Raises InputError where no field of the plate can be used.
    """
    if spec.load_data is None:
        raise InputError("load_data: is null, and images are needed after all; give the load_data of the screen")
    plate = raw.unit.name
    fetched = fetch(spec.list_location(plate), cache, spec.retry)
    frame = read_load_data(fetched, spec)
    rows = frame[frame["_plate"] == plate]
    if rows.empty:
        raise InputError(f"{fetched.url}: has no row of plate {plate}{hint(plate, spec, frame['_plate'].unique())}")
    base = spec.base or (str(fetched.path.parent) if fetched.local else fetched.url.rpartition("/")[0])
    listing = Listing(fetched.url, base, _fields(rows, spec, fetched.url), spec.well_column, spec.site_column)
    return acquire_listed(spec, raw, wells, cache, listing)


def _fields(rows: pd.DataFrame, spec: LoadDataSpec, source: str) -> Iterator[ListedField]:
    columns = {stain: spec.image_columns(rows.columns, stain, source) for stain in spec.channels}
    for row, record in zip(rows.index, rows.to_dict("records")):
        images = {stain: (record[name], record[path] if path else "") for stain, (name, path) in columns.items()}
        yield ListedField(f"{source}: row {row}", record[spec.well_column], record[spec.site_column], images)
