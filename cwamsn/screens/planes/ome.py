"""Where the planes of an OME-TIFF file lie: which channel, depth and time each of its pages is."""

from typing import Any
from xml.etree.ElementTree import Element, ParseError  # nosec B405 (names types; defusedxml parses)

import defusedxml.ElementTree as ElementTree
from defusedxml import DefusedXmlException

from cwamsn.screens.planes.bounds import Refused

_SIZES = {"C": "SizeC", "Z": "SizeZ", "T": "SizeT"}


def ome_places(tiff: Any, full: list[Any]) -> dict[int, tuple[int, int, int]] | None:
    """(channel, depth, time) of each page of `full` that the OME-XML describes; None where it cannot be told.

    A file of a multi-file set describes the whole set: only the blocks of the file itself count. A file with one page
    is that plane whatever the XML says, unless the XML says which it is.

    Raises Refused for a file that holds several images (fields), of which a page must be named.
    """
    try:
        root = ElementTree.fromstring(tiff.ome_metadata)
    except (ParseError, DefusedXmlException, TypeError):
        return None
    own = root.get("UUID")
    found: dict[int, list[tuple[int, tuple[int, int, int]]]] = {}
    images = root.findall("{*}Image/{*}Pixels")
    for number, pixels in enumerate(images):
        for place, page in _blocks(pixels, own, len(full)):
            if page < len(full):
                found.setdefault(page, []).append((number, place))
    several = len({number for places in found.values() for number, _ in places}) > 1
    if several and len(full) > 1:
        raise Refused(f"{len(images)} images (fields) in one OME-TIFF; name a page (file.tif!page=2, from 0)")
    if len(full) == 1 and len(found.get(0, ())) != 1:
        return {0: (0, 0, 0)}
    if any(len(places) != 1 for places in found.values()) or len(found) != len(full):
        return None
    return {page: places[0][1] for page, places in sorted(found.items())}


def _blocks(pixels: Element, own: str | None, pages: int) -> list[tuple[tuple[int, int, int], int]]:
    """((channel, depth, time), page) of each plane of an image that lies in the file itself."""
    order = pixels.get("DimensionOrder", "XYCZT")[2:]
    sizes = {axis: int(pixels.get(name, "1")) for axis, name in _SIZES.items()}
    samples = pixels.find("{*}Channel")
    per_pixel = int(samples.get("SamplesPerPixel", "1")) if samples is not None else 1
    sizes["C"] = max(1, sizes["C"] // per_pixel)
    total = sizes["C"] * sizes["Z"] * sizes["T"]
    blocks = pixels.findall("{*}TiffData") or [Element("TiffData")]
    found = []
    for block in blocks:
        uuid = block.find("{*}UUID")
        if uuid is not None and own is not None and (uuid.text or "").strip() != own:
            continue
        first = {axis: int(block.get(f"First{axis}", "0")) for axis in sizes}
        at, ifd = _linear(first, order, sizes), int(block.get("IFD", "0"))
        whole = total - at if block.get("IFD") is None else 1
        for k in range(min(int(block.get("PlaneCount", whole)), total - at)):
            found.append((_place(at + k, order, sizes), ifd + k))
    return found


def _linear(first: dict[str, int], order: str, sizes: dict[str, int]) -> int:
    at, step = 0, 1
    for axis in order:
        at += first[axis] * step
        step *= sizes[axis]
    return at


def _place(at: int, order: str, sizes: dict[str, int]) -> tuple[int, int, int]:
    where = {}
    for axis in order:
        at, where[axis] = divmod(at, sizes[axis])
    return where["C"], where["Z"], where["T"]
