"""JUMP-Lite: one array (c, y, x) per field in Zarr 3 (zstd) or Zarr 2 (JPEG-XL)."""

import json
from pathlib import Path

import pandas as pd

from cwamsn.errors import FetchError, InputError
from cwamsn.naming import plate_name
from cwamsn.screen_specs.jump_lite import JumpLiteKey, JumpLiteSpec, keys_of, local_keys
from cwamsn.screen_specs.selection import Selection
from cwamsn.screens.sources.base import Metadata
from cwamsn.screens.sources.listed import (
    hint,
    place_of,
    read_plate_maps,
    say_losses,
    say_wells_without_entry,
    wells_of,
    wells_without_map,
)
from cwamsn.screens.sources.raw import Acquired, Raw
from cwamsn.screens.sources.zarr_stores.store import Store

__all__ = ["acquire", "read_wells"]


def read_wells(screen: str, spec: JumpLiteSpec, cache: Path) -> Metadata:
    """The wells of the plate map on every plate; without a map, those that the store has arrays of."""
    stores: dict[str, Store] = {}
    wells, batches = {}, {}
    for plate in spec.units():
        location = spec.store_location(plate)
        store = stores.setdefault(location, Store(location, cache, spec.retry))
        keys = _keys_of_plate(store, plate, spec)
        wells[plate] = sorted({key.well for key in keys})
        several = sorted({key.batch for key in keys})
        if len(several) > 1:
            raise InputError(
                f"{store.location}: plate {plate} is in batches {', '.join(several[:3])}; keep one of them"
            )
        batches[plate] = several[0]
    used = [fetched for store in stores.values() for fetched in store.metadata.values()]
    if spec.platemap is None:
        maps = wells_without_map(wells, spec.store)
    else:
        maps = read_plate_maps(spec, cache, used)
        say_wells_without_entry(maps, wells, spec)
    return wells_of(screen, spec, maps, batches, used)


def acquire(spec: JumpLiteSpec, raw: Raw, wells: pd.DataFrame, cache: Path) -> Acquired:
    """Fetch the arrays of the plate `raw.unit`; its fields, and those left out with the reason.

    Raises InputError where no field of the plate can be used.
    """
    plate = raw.unit.name
    store = Store(spec.store_location(plate), cache, spec.retry, raw)
    found = Acquired(tuple(spec.stains()))
    known = set(wells.loc[wells["plate"] == plate, "well_id"])
    there = set()
    for key in _keys_of_plate(store, plate, spec):
        address, site = place_of(key.well, str(key.site), store.label(key.path))
        well_id, field_id = f"{plate}_{address}", f"{plate}-{address}-{site}"
        if (address, site) in there:
            raise InputError(f"{store.label(key.path)}: field {field_id} appears twice; keep one array of each field")
        there.add((address, site))
        if well_id not in known:
            found.skip(field_id, well_id, plate, site, "well without a plate-map entry")
            continue
        uris, reason = _field(store, key, spec)
        if reason:
            found.skip(field_id, well_id, plate, site, reason)
        else:
            found.fields.append({"field_id": field_id, "well_id": well_id, "site": site} | uris)
    say_losses(found, plate, store.location, len(there), spec)
    pictured = {address for address, _ in there}
    for address in sorted(wells.loc[wells["plate"] == plate, "address"]):
        if address not in pictured:
            found.skip(f"{plate}-{address}-0", f"{plate}_{address}", plate, 0, "well without any image in the store")
    return found


def _keys_of_plate(store: Store, plate: str, spec: JumpLiteSpec) -> list[JumpLiteKey]:
    keys = local_keys(Path(store.location)) if store.local else keys_of(_consolidated(store), store.location)
    found = [key for key in keys if plate_name(key.plate) == plate]
    if not found:
        known = sorted({key.plate for key in keys})
        raise InputError(f"{store.location}: has no array of plate {plate}{hint(plate, spec, known)}")
    return found


def _consolidated(store: Store) -> list[str]:
    """Paths of the nodes of a remote store, as its consolidated metadata list them."""
    content = store.read("zarr.json")
    try:
        if content is not None:
            return list((json.loads(content).get("consolidated_metadata") or {})["metadata"])
        content = store.read(".zmetadata")
        if content is not None:
            return [
                path.removesuffix("/.zarray") for path in json.loads(content)["metadata"] if path.endswith("/.zarray")
            ]
    except (ValueError, KeyError, TypeError, AttributeError):
        pass
    raise InputError(
        f"{store.location}: has no consolidated metadata, by which the arrays of a store on a host are found; "
        "consolidate them (zarr.consolidate_metadata), or copy the store"
    )


def _field(store: Store, key: JumpLiteKey, spec: JumpLiteSpec) -> tuple[dict[str, str], str]:
    """(URIs of the planes of a field by `uri_<stain>`, ''), or why they cannot be had."""
    label = store.label(key.path)
    try:
        array = store.array(key.path, None)
    except FetchError:
        raise
    except InputError as error:
        return {}, f"unreadable image: {error}"
    if array is None:
        return {}, f"no image of the field: looked for the array {label}"
    uris = {}
    for stain, number in spec.channels.items():
        if number >= array.size("c"):
            return {}, f"no image of channel {stain}: {label} has channels 0 to {array.size('c') - 1}, not {number}"
        if lost := store.take_plane(key.path, array, {"c": [number]}, spec.empty_chunks):
            return {}, f"no image of channel {stain}: {lost}"
        uris[f"uri_{stain}"] = store.uri(key.path) + str(Selection(channel=number))
    return uris, ""
