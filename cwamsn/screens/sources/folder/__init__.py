"""A folder of images whose file names say what they show, with or without a plate map."""

from pathlib import Path

import pandas as pd

from cwamsn.screen_specs.folder import FolderSpec
from cwamsn.screen_specs.selection import DEPTHS
from cwamsn.screens.hosts import Fetched
from cwamsn.screens.sources.base import Metadata
from cwamsn.screens.sources.listed import (
    ListedField,
    Listing,
    acquire_listed,
    read_plate_maps,
    say_wells_without_entry,
    wells_of,
    wells_without_map,
)
from cwamsn.screens.sources.raw import Acquired, Raw

__all__ = ["acquire", "read_wells"]


def read_wells(screen: str, spec: FolderSpec, cache: Path) -> Metadata:
    """The wells of the plate maps, or those that have images."""
    used: list[Fetched] = []
    listed = {plate: sorted({image.well for image in spec.images_of(plate)}) for plate in spec.units()}
    if spec.platemap is None:
        return wells_of(screen, spec, wells_without_map(listed, spec.folder), {}, used)
    maps = read_plate_maps(spec, cache, used)
    say_wells_without_entry(maps, listed, spec)
    return wells_of(screen, spec, maps, {}, used)


def acquire(spec: FolderSpec, raw: Raw, wells: pd.DataFrame, cache: Path) -> Acquired:
    """Look for the images of the plate `raw.unit`; its fields, and those left out with the reason."""
    stains = {word: stain for stain, word in spec.words().items()}
    fields: dict[tuple[str, int], ListedField] = {}
    for image in spec.images_of(raw.unit.name):
        if image.channel not in stains:
            continue
        label = str(Path(spec.folder) / image.path)
        field = fields.setdefault((image.well, image.site), ListedField(label, image.well, str(image.site), {}))
        other = field.images.get(stains[image.channel], ("", ""))[0]  # a depth above, since images are in their order
        field.images[stains[image.channel]] = (f"{other}{DEPTHS}{image.path}" if other else image.path, "")
    listing = Listing(spec.folder, spec.folder, fields.values(), "pattern (its group well)", "pattern (its group site)")
    return acquire_listed(spec, raw, wells, cache, listing)
