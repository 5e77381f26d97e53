"""Images that a load_data table lists, plate by plate."""

import math
from collections import Counter
from pathlib import Path

import pandas as pd

from cwamsn.errors import InputError
from cwamsn.notes import note
from cwamsn.screen_specs.images import image_locations, suffix_of
from cwamsn.screen_specs.load_data import LoadDataSpec
from cwamsn.screen_specs.path_map import joined
from cwamsn.screens.hosts import fetch
from cwamsn.screens.names import parse_address
from cwamsn.screens.sources.load_data.find_image import find_image
from cwamsn.screens.sources.load_data.listing import hint, read_load_data
from cwamsn.screens.sources.mapped_paths import MapCount
from cwamsn.screens.sources.raw import Acquired, Raw


def acquire(spec: LoadDataSpec, raw: Raw, wells: pd.DataFrame, cache: Path) -> Acquired:
    """Fetch the images of the plate `raw.unit`; its fields, and those left out with the reason.

    Raises InputError where no field of the plate can be used.
    """
    if spec.load_data is None:
        raise InputError("load_data: is null, and images are needed after all; give the load_data of the screen")
    how, plate = spec.retry, raw.unit.name
    found = Acquired(tuple(spec.channels))
    listing = fetch(spec.location("load_data", plate=plate), cache, how)
    frame = read_load_data(listing, spec)
    columns = {stain: spec.image_columns(frame.columns, stain, listing.url) for stain in spec.channels}
    known = set(wells.loc[wells["plate"] == plate, "well_id"])
    base = spec.base or (str(listing.path.parent) if listing.local else listing.url.rpartition("/")[0])
    mapped = MapCount(spec.path_map)
    seen: set[str] = set()
    rows = frame[frame["_plate"] == plate]
    if rows.empty:
        raise InputError(f"{listing.url}: has no row of plate {plate}{hint(plate, spec, frame['_plate'].unique())}")
    for row, record in zip(rows.index, rows.to_dict("records")):
        label = f"{listing.url}: row {row}"
        address, site = _place(record, spec, label)
        well_id, field_id = f"{plate}_{address}", f"{plate}-{address}-{site}"
        if field_id in seen:
            raise InputError(f"{label}: field {field_id} appears twice; keep one row of each field")
        seen.add(field_id)
        if well_id not in known:
            found.skip(field_id, well_id, plate, site, "well without a plate-map entry")
            continue
        uris, missing, why = {}, [], ""
        for stain, (file_column, path_column) in columns.items():
            name, folder = record[file_column], record[path_column] if path_column else ""
            mapped.add(joined(name, folder))
            places = image_locations(name, folder, base, label, spec.path_map)
            fetched, reason = find_image(places, cache, how, raw.get)
            if fetched is None:
                missing.append(stain)
                why = why or reason
            else:
                uris[f"uri_{stain}"] = raw.add(fetched, f"{field_id}-{stain}{suffix_of(fetched.url)}")
        if missing:
            found.skip(field_id, well_id, plate, site, f"no image of channel {', '.join(missing)}: {why}")
        else:
            found.fields.append({"field_id": field_id, "well_id": well_id, "site": site} | uris)
    mapped.say(plate)
    _say_losses(found, plate, listing.url, len(seen))
    with_image = {field_id.rsplit("-", 1)[0] for field_id in seen}
    for address in sorted(wells.loc[wells["plate"] == plate, "address"]):
        if f"{plate}-{address}" not in with_image:
            found.skip(f"{plate}-{address}-0", f"{plate}_{address}", plate, 0, "well without any image in load_data")
    return found


def _say_losses(found: Acquired, plate: str, source: str, listed: int) -> None:
    """A note on the fields of a plate that were left out; InputError when that is all of them."""
    if not found.skipped:
        return
    kinds = Counter(str(row["reason"]).partition(": ")[0] for row in found.skipped)
    kind, count = kinds.most_common(1)[0]
    first = next(str(row["reason"]) for row in found.skipped if str(row["reason"]).startswith(kind))
    if not found.fields:
        raise InputError(
            f"{source}: plate {plate}: none of its {listed} fields can be used; {count} x {first}: correct "
            "`load_data`, `base` or the plate map, or leave the plate out of `plates`"
        )
    note(f"plate {plate}: {len(found.skipped)} of {listed} fields left out; {count} x {kind}, the first: {first}")


def _place(record: dict[str, str], spec: LoadDataSpec, label: str) -> tuple[str, int]:
    """(address, number of the field of view) of a row."""
    try:
        address = parse_address(record[spec.well_column])[0]
    except ValueError as error:
        raise InputError(f"{label}: {error}; correct {spec.well_column}") from None
    text = record[spec.site_column]
    try:
        site = float(text)
    except ValueError:
        site = math.nan
    if not 0 <= site < 2**31 or site != int(site):
        raise InputError(
            f"{label}: {text!r} is not the number of a field of view (1, 2 ...); correct {spec.site_column}"
        )
    return address, int(site)
