"""OME-Zarr plates (HCS): NGFF 0.1 to 0.4 in Zarr 2, 0.5 in Zarr 3."""

from collections import Counter
from pathlib import Path

import pandas as pd

from cwamsn.errors import FetchError, InputError
from cwamsn.screen_specs import ngff
from cwamsn.screen_specs.selection import Selection
from cwamsn.screen_specs.zarr_stores import OmeZarrSpec
from cwamsn.screens.names import parse_address
from cwamsn.screens.sources.base import Metadata
from cwamsn.screens.sources.listed import (
    read_plate_maps,
    say_losses,
    say_wells_without_entry,
    wells_of,
    wells_without_map,
)
from cwamsn.screens.sources.raw import Acquired, Raw
from cwamsn.screens.sources.zarr_stores.store import Store

__all__ = ["acquire", "read_wells"]


def read_wells(screen: str, spec: OmeZarrSpec, cache: Path) -> Metadata:
    """The wells of the plate map on every plate; without a map, those that the stores name."""
    stores = {plate: Store(spec.store_location(plate), cache, spec.retry) for plate in spec.units()}
    places = {plate: _addresses(store) for plate, store in stores.items()}
    used = [fetched for store in stores.values() for fetched in store.metadata.values()]
    if spec.platemap is None:
        maps = wells_without_map({plate: found.values() for plate, found in places.items()}, spec.store)
    else:
        maps = read_plate_maps(spec, cache, used)
        say_wells_without_entry(maps, {plate: found.values() for plate, found in places.items()}, spec)
    return wells_of(screen, spec, maps, {}, used)


def _addresses(store: Store) -> dict[str, str]:
    """Path of each well of a plate → its address."""
    found = {}
    for path, text in ngff.plate_of(store.attributes(""), store.location).wells.items():
        try:
            found[path] = parse_address(text)[0]
        except ValueError as error:
            raise InputError(f"{store.location}: well {path}: {error}; correct the metadata of the plate") from None
    address, count = Counter(found.values()).most_common(1)[0]
    if count > 1:
        raise InputError(f"{store.location}: well {address} is listed {count} times; correct the metadata of the plate")
    return found


def acquire(spec: OmeZarrSpec, raw: Raw, wells: pd.DataFrame, cache: Path) -> Acquired:
    """Fetch the planes of the plate `raw.unit`; its fields, and those left out with the reason.

    Raises InputError where no field of the plate can be used.
    """
    plate = raw.unit.name
    store = Store(spec.store_location(plate), cache, spec.retry, raw)
    addresses = _addresses(store)
    found = Acquired(tuple(spec.stains()))
    known = set(wells.loc[wells["plate"] == plate, "well_id"])
    for path, address in addresses.items():
        well_id = f"{plate}_{address}"
        if well_id not in known:
            found.skip(f"{plate}-{address}-0", well_id, plate, 0, "well without a plate-map entry")
            continue
        try:
            attributes = store.attributes(path)
            if attributes is None:
                found.skip(f"{plate}-{address}-0", well_id, plate, 0, "well without any image in the store")
                continue
            fields = _chosen(ngff.fields_of(attributes, store.label(path)), spec.acquisition, store.label(path))
        except FetchError:
            raise
        except _Several:
            raise
        except InputError as error:
            found.skip(f"{plate}-{address}-0", well_id, plate, 0, f"unreadable well: {error}")
            continue
        if not fields:
            found.skip(f"{plate}-{address}-0", well_id, plate, 0, "well without any image in the store")
        for site, field in fields.items():
            field_id = f"{plate}-{address}-{site}"
            uris, reason = _field(store, f"{path}/{field}", spec)
            if reason:
                found.skip(field_id, well_id, plate, site, reason)
            else:
                found.fields.append({"field_id": field_id, "well_id": well_id, "site": site} | uris)
    say_losses(found, plate, store.location, len(found.fields) + len(found.skipped), spec)
    there = set(addresses.values())
    for address in sorted(wells.loc[wells["plate"] == plate, "address"]):
        if address not in there:
            reason = "well that the store does not list"
            found.skip(f"{plate}-{address}-0", f"{plate}_{address}", plate, 0, reason)
    return found


class _Several(InputError):
    """A choice that the user has to make, for all wells at once."""


def _chosen(fields: list[tuple[str, int | None]], acquisition: int | None, label: str) -> dict[int, str]:
    """Number of each field of an acquisition → its path below the well.

    The number is the path where all paths are numbers, as most writers have it, else the place in the list.
    """
    has = sorted({-1 if number is None else number for _, number in fields})
    if acquisition is None and len(has) > 1:
        shown = ", ".join("none" if number < 0 else str(number) for number in has)
        raise _Several(f"{label}: has images of acquisitions {shown}; choose one: acquisition: {has[-1]}")
    paths = [path for path, number in fields if acquisition is None or number == acquisition]
    numbered = all(path.isascii() and path.isdigit() for path in paths) and len({*map(int, paths)}) == len(paths)
    return {int(path) if numbered else place: path for place, path in enumerate(paths)}


def _field(store: Store, path: str, spec: OmeZarrSpec) -> tuple[dict[str, str], str]:
    """(URIs of the planes of a field by `uri_<stain>`, ''), or why they cannot be had."""
    label = store.label(path)
    try:
        attributes = store.attributes(path)
        if attributes is None:
            return {}, f"no image of the field: looked for {label}"
        image = ngff.image_of(attributes, label)
        array = store.array(f"{path}/{image.dataset}", image.axes)
        if array is None:
            return {}, f"no image of the field: looked for the array {label}/{image.dataset}"
        numbers = spec.numbers(image, label)
    except FetchError:
        raise
    except InputError as error:
        return {}, f"unreadable image: {error}"
    _refuse_depths(array, spec, label)
    depth = spec.images.stack
    uris = {}
    for stain, number in numbers.items():
        if number >= array.size("c"):
            return {}, f"no image of channel {stain}: {label} has channels 0 to {array.size('c') - 1}, not {number}"
        chosen = {"c": [number], "t": [spec.time or 0]}
        if isinstance(depth, int):
            chosen["z"] = [depth]
        lost = store.take_plane(f"{path}/{image.dataset}", array, chosen, spec.empty_chunks)
        if lost:
            return {}, f"no image of channel {stain}: {lost}"
        uris[f"uri_{stain}"] = store.uri(path) + str(Selection(channel=number, time=spec.time))
    return uris, ""


def _refuse_depths(array: ngff.Array, spec: OmeZarrSpec, label: str) -> None:
    """InputError for several depths or times of which the screen does not choose."""
    depths, times, stack = array.size("z"), array.size("t"), spec.images.stack
    if depths > 1 and stack == "refuse":
        raise InputError(f"{label}: has {depths} depths; set images.stack of the screen: max, sharpest or a number")
    if isinstance(stack, int) and stack >= depths:
        raise InputError(f"{label}: has depths 0 to {depths - 1}, not {stack}; correct images.stack of the screen")
    if times > 1 and spec.time is None:
        raise InputError(f"{label}: has {times} times; choose one: time: 0")
    if spec.time is not None and spec.time >= times:
        raise InputError(f"{label}: has times 0 to {times - 1}, not {spec.time}; correct `time` of the screen")
