"""Images of the Bray screen: what the split needs of a plate, from channel zips or from the Gallery's flat folder."""

from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pandas as pd

from cwamsn.files import progress
from cwamsn.paths import ScreenPaths
from cwamsn.screen_specs.bray import BraySpec
from cwamsn.screen_specs.locations import join
from cwamsn.screens import splits
from cwamsn.screens.hosts import HostedZip, Missing, list_folder
from cwamsn.screens.names import parse_bray_file
from cwamsn.screens.sources.raw import Acquired, Raw
from cwamsn.vocabulary import BRAY_STAINS, BRAY_WAVELENGTHS
from cwamsn.wells import is_negative

STAIN_OF_WAVELENGTH = {digit: stain for stain, digit in BRAY_WAVELENGTHS.items()}
Place = tuple[str, int]  # address and site


def acquire(spec: BraySpec, raw: Raw, wells: pd.DataFrame, cache: Path) -> Acquired:
    """Fetch what the split needs of the plate `raw.unit`; its fields, and those that lack an image with the reason."""
    found, barcode = Acquired(BRAY_STAINS), raw.unit.name
    plate = wells[wells["plate"] == barcode].set_index("address")
    chosen, exact = _wanted(spec, ScreenPaths(raw.unit.root).split, barcode, plate)
    if chosen.empty:
        return found
    host = (_Gallery if spec.images == "gallery" else _Zips)(spec, cache, raw)
    takes: dict[Place, dict[str, str]] = {}
    for place, images in sorted(host.images.items()):
        address, site = place
        well_id, field_id = f"{barcode}_{address}", f"{barcode}-{address}-{site}"
        if address not in plate.index:
            found.skip(field_id, well_id, barcode, site, "well without a plate-map entry")
        elif address in chosen.index and (exact is None or place in exact or chosen[address] != "split"):
            missing = [c for c in BRAY_STAINS if c not in images]
            if missing:
                found.skip(field_id, well_id, barcode, site, f"no image of channel {', '.join(missing)}")
            else:
                named = (exact or {}).get(place, {})
                takes[place] = {c: _choose(images[c], named.get(c)) for c in BRAY_STAINS}
    for (address, site), uris in host.take(takes, found).items():
        row = {"field_id": f"{barcode}-{address}-{site}", "well_id": f"{barcode}_{address}", "site": site}
        found.fields.append(row | {f"uri_{c}": uris[c] for c in BRAY_STAINS})
    _list_absent(barcode, chosen, exact, host.images, found)
    return found


def _wanted(
    spec: BraySpec, split_fields: Path, barcode: str, plate: pd.DataFrame
) -> tuple[pd.Series, dict[Place, dict[str, str]] | None]:
    """(address → 'split' or 'extra' of the wells to fetch, place → image names of the published split's fields)."""
    kind = pd.Series(np.where(plate["split"].notna(), "split", "extra"), plate.index)
    extra = is_negative(plate) if spec.keep == "split_and_controls" else spec.keep == "all"
    chosen = kind[(kind == "split") | extra]
    mine = splits.read_fields(split_fields, barcode)
    if mine is None:
        return chosen, None
    names = [(c, f"image_{c}") for c in BRAY_STAINS if f"image_{c}" in mine]
    rows = mine.to_dict("records")
    return chosen, {(r["address"], r["site"]): {c: r[n] for c, n in names if r[n]} for r in rows}


def _choose(names: list[str], published: str | None) -> str:
    """The image to take where a field and channel has several: the one the published split names, else the first."""
    if published is not None:
        for name in names:
            if Path(name).stem == Path(published.removesuffix(".tif")).name:
                return name
    return names[0]


def _list_absent(
    barcode: str,
    chosen: pd.Series,
    exact: dict[Place, dict[str, str]] | None,
    images: dict[Place, dict[str, list[str]]],
    found: Acquired,
) -> None:
    """List what the metadata has and the host has not: fields of the published split, and wells without any image."""
    for address, site in sorted((exact or {}).keys() - images.keys()):
        if address in chosen.index:
            found.skip(f"{barcode}-{address}-{site}", f"{barcode}_{address}", barcode, site, "no image on the host")
    with_image = {address for address, _ in images} | {address for address, _ in exact or {}}
    for address in chosen.index:
        if address not in with_image:
            found.skip(
                f"{barcode}-{address}-0", f"{barcode}_{address}", barcode, 0, "well without any image on the host"
            )


def _index(names: list[str], channel: str | None = None) -> dict[Place, dict[str, list[str]]]:
    """Place → channel → sorted names. `channel` names it where the archive does; else the digit after `w` does."""
    images: dict[Place, dict[str, list[str]]] = {}
    for name in sorted(names):
        parsed = parse_bray_file(name)
        stain = channel or (STAIN_OF_WAVELENGTH.get(parsed.wavelength) if parsed else None)
        if parsed and stain:
            images.setdefault((parsed.address, parsed.site), {}).setdefault(stain, []).append(name)
    return images


class _Zips:
    """Channel zips of one plate, read without unpacking."""

    def __init__(self, spec: BraySpec, cache: Path, raw: Raw) -> None:
        self.raw = raw
        self.zips: dict[str, HostedZip] = {}
        self.images: dict[Place, dict[str, list[str]]] = {}
        absent = []
        for channel in BRAY_STAINS:
            url = spec.zip_url(raw.unit.name, channel)
            try:
                self.zips[channel] = HostedZip(url, cache, spec.retry, raw.glances)
            except Missing as error:
                absent.append(error)
                continue
            for place, found in _index(self.zips[channel].names, channel).items():
                self.images.setdefault(place, {}).update(found)
        if len(absent) == len(BRAY_STAINS):
            raise absent[0]

    def take(self, takes: dict[Place, dict[str, str]], found: Acquired) -> dict[Place, dict[str, str]]:
        """URIs of the chosen members; fields whose member is damaged are listed in `found`."""
        damaged: dict[Place, str] = {}
        paths = {}
        for channel, archive in self.zips.items():
            wanted = {places[channel]: place for place, places in takes.items()}
            fetched, bad = (archive.glance(), []) if self.raw.glances else archive.keep(list(wanted))
            paths[channel] = self.raw.add(fetched, archive.name)
            damaged |= {wanted[m]: f"damaged image of channel {channel}" for m in bad}
        return _without(damaged, takes, found, lambda channel, name: f"{paths[channel]}!{name}", self.raw)


class _Gallery:
    """One flat folder of TIFF files a plate."""

    def __init__(self, spec: BraySpec, cache: Path, raw: Raw) -> None:
        self.spec, self.cache, self.raw = spec, cache, raw
        folder = spec.image_folder(raw.unit.name)
        listed = list(list_folder(spec.gallery_url, folder, spec.retry))
        if not listed:
            raise Missing(f"{join(spec.gallery_url, folder)}: no image there; check gallery_url and `plates`")
        self.remote = {unquote(r.url.rsplit("/", 1)[-1]): r for r in listed}
        self.images = _index(list(self.remote))

    def take(self, takes: dict[Place, dict[str, str]], found: Acquired) -> dict[Place, dict[str, str]]:
        """URIs of the chosen files, fetched; fields whose file is listed but not served are listed in `found`."""
        absent: dict[Place, str] = {}
        paths: dict[str, str] = {}
        for place, names in progress(takes.items(), "fields", len(takes), "field"):
            for channel, name in names.items():
                try:
                    paths[name] = self.raw.add(self.raw.get(self.remote[name], self.cache, self.spec.retry), name)
                except Missing:
                    absent[place] = f"image of channel {channel} is listed but not served"
        return _without(absent, takes, found, lambda channel, name: paths[name], self.raw)


def _without(
    left_out: dict[Place, str],
    takes: dict[Place, dict[str, str]],
    found: Acquired,
    uri: Callable[[str, str], str],
    raw: Raw,
) -> dict[Place, dict[str, str]]:
    """Place → channel → URI of `takes` without `left_out`, whose reasons go to the list of skipped fields."""
    barcode = raw.unit.name
    for (address, site), reason in sorted(left_out.items()):
        found.skip(f"{barcode}-{address}-{site}", f"{barcode}_{address}", barcode, site, reason)
    return {
        place: {channel: uri(channel, name) for channel, name in names.items()}
        for place, names in takes.items()
        if place not in left_out
    }
