"""Images that a listing names, plate by plate."""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from cwamsn.errors import InputError
from cwamsn.notes import note
from cwamsn.screen_specs import ListedSpec
from cwamsn.screen_specs.images import image_locations, suffix_of
from cwamsn.screen_specs.path_map import joined
from cwamsn.screen_specs.selection import DEPTHS, chosen_plane
from cwamsn.screens.names import parse_address
from cwamsn.screens.sources.listed.find_image import find_image
from cwamsn.screens.sources.mapped_paths import MapCount
from cwamsn.screens.sources.raw import Acquired, Raw


@dataclass(frozen=True)
class ListedField:
    """A field of view as a listing has it."""

    label: str
    """Where it stands, for messages: `load_data.csv: row 3`."""
    well: str
    site: str
    images: dict[str, tuple[str, str]]
    """Stain → (file name or URL, its folder or ''), both '' where none is named; several depths with `|` between."""


@dataclass(frozen=True)
class Listing:
    """The fields of one plate, each once."""

    source: str
    """The list or folder, for messages."""
    base: str
    """What relative paths start from."""
    fields: Iterable[ListedField]
    well_key: str = "the well"
    site_key: str = "the site"


def acquire_listed(spec: ListedSpec, raw: Raw, wells: pd.DataFrame, cache: Path, listing: Listing) -> Acquired:
    """Fetch the images of the plate `raw.unit`; its fields, and those left out with the reason.

    Raises InputError for a field that is listed twice, and where no field of the plate can be used.
    """
    how, plate = spec.retry, raw.unit.name
    found = Acquired(tuple(spec.stains()))
    known = set(wells.loc[wells["plate"] == plate, "well_id"])
    mapped = MapCount(spec.path_map)
    seen: set[str] = set()
    for field in listing.fields:
        address, site = place_of(field.well, field.site, field.label, listing.well_key, listing.site_key)
        well_id, field_id = f"{plate}_{address}", f"{plate}-{address}-{site}"
        if field_id in seen:
            raise InputError(f"{field.label}: field {field_id} appears twice; keep one row of each field")
        seen.add(field_id)
        if well_id not in known:
            found.skip(field_id, well_id, plate, site, "well without a plate-map entry")
            continue
        uris, missing, why = {}, [], ""
        for stain in found.channels:
            names, folder = field.images.get(stain, ("", ""))
            depths = names.split(DEPTHS)
            found_here: list[str] = []
            for z, depth in enumerate(depths):
                name, selection = chosen_plane(depth, stain, spec.images.planes, field.label)
                mapped.add(joined(name, folder))
                places = image_locations(name, folder, listing.base, field.label, spec.path_map)
                fetched, reason = find_image(places, cache, how, raw.get)
                if fetched is None:
                    missing.append(stain)
                    why = why or reason
                    break
                named = f"{field_id}-{stain}" + (f"-z{z}" if len(depths) > 1 else "")
                found_here.append(raw.add(fetched, named + suffix_of(fetched.url)) + str(selection))
            uris[f"uri_{stain}"] = DEPTHS.join(found_here)
        if missing:
            found.skip(field_id, well_id, plate, site, f"no image of channel {', '.join(missing)}: {why}")
        else:
            found.fields.append({"field_id": field_id, "well_id": well_id, "site": site} | uris)
    mapped.say(plate)
    say_losses(found, plate, listing.source, len(seen), spec)
    with_image = {field_id.rsplit("-", 1)[0] for field_id in seen}
    for address in sorted(wells.loc[wells["plate"] == plate, "address"]):
        if f"{plate}-{address}" not in with_image:
            found.skip(
                f"{plate}-{address}-0", f"{plate}_{address}", plate, 0, f"well without any image in {spec.list_key}"
            )
    return found


def say_losses(found: Acquired, plate: str, source: str, listed: int, spec: ListedSpec) -> None:
    """A note on the fields of a plate that were left out; InputError when that is all of them."""
    if not found.skipped:
        return
    kinds = Counter(str(row["reason"]).partition(": ")[0] for row in found.skipped)
    kind, count = kinds.most_common(1)[0]
    first = next(str(row["reason"]) for row in found.skipped if str(row["reason"]).startswith(kind))
    if not found.fields:
        raise InputError(
            f"{source}: plate {plate}: none of its {listed} fields can be used; {count} x {first}: correct "
            f"`{spec.list_key}`, `base` or the plate map, or leave the plate out of `plates`"
        )
    note(f"plate {plate}: {len(found.skipped)} of {listed} fields left out; {count} x {kind}, the first: {first}")


def place_of(
    well: str, site: str, label: str, well_key: str = "the well", site_key: str = "the site"
) -> tuple[str, int]:
    """(address, number of the field of view) of texts. InputError, beginning with `label`, for what is none."""
    try:
        address = parse_address(well)[0]
    except ValueError as error:
        raise InputError(f"{label}: {error}; correct {well_key}") from None
    try:
        number = float(site)
    except ValueError:
        number = math.nan
    if not 0 <= number < 2**31 or number != int(number):
        raise InputError(f"{label}: {site!r} is not the number of a field of view (1, 2 ...); correct {site_key}")
    return address, int(number)
