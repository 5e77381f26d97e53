"""One picture of a whole plate per channel: every well at its place, all in the contrast of the plate."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from cwamsn.crops.threads import in_order
from cwamsn.files import atomic_path
from cwamsn.pictures import Thumbnails, composite, encode_picture, shrink, single, stain_colours

ALL = "all stains"
_GAP = 1  # pixels between wells
_WEBP_LIMIT = 16383  # pixels; WebP has no longer side


@dataclass(frozen=True)
class Montages:
    """Where the pictures of plates lie, and how a well is found in them."""

    tile: int
    """Pixels from one well to the next, of which the last is a gap."""
    channels: tuple[str, ...]
    """What the pictures of a plate show, in order: all stains, then each."""
    files: dict[str, list[str]]
    """Plate → its pictures, relative to the page."""


def write_montages(
    thumbnails: Thumbnails, wells: pd.DataFrame, shape: tuple[int, int], folder: Path, *, threads: int = 1
) -> Montages:
    """Write the montages of every plate that has crops, and say where they are.

    Parameters
    ----------
    thumbnails : of the screen's crop store; its options give the size of a well
    wells : columns `plate` (unique in the screen), `well_id`, `row`, `column`
    shape : rows and columns of a plate
    folder : for the pictures; named in :attr:`Montages.files` by its last part
    threads : plates made at the same time
    """
    size = min(thumbnails.options.size, _WEBP_LIMIT // max(shape) - _GAP)
    options = replace(thumbnails.options, size=size)
    if len(thumbnails.store):
        thumbnails.contrast(0)  # of every plate, before threads ask for it
    jobs = [
        (number, str(plate), rows) for number, (plate, rows) in enumerate(wells.groupby("plate", sort=True), start=1)
    ]

    def of_plate(job: tuple[int, str, pd.DataFrame]) -> tuple[str, list[str]]:
        number, plate, rows = job
        pictures = plate_pictures(thumbnails, rows, shape, size)
        names = []
        for i, pixels in enumerate(pictures or ()):
            name = f"{number:04d}_{i}.{options.format}"
            with atomic_path(folder / name) as temporary:
                temporary.write_bytes(encode_picture(pixels, options))
            names.append(f"{folder.name}/{name}")
        return plate, names

    folder.mkdir(parents=True, exist_ok=True)
    found = dict(in_order(of_plate, jobs, threads))
    files = {plate: names for plate, names in found.items() if names}
    return Montages(size + _GAP, (ALL, *thumbnails.channels), files)


def plate_pictures(
    thumbnails: Thumbnails, wells: pd.DataFrame, shape: tuple[int, int], size: int
) -> list[np.ndarray] | None:
    """Pictures of one plate: all stains in colour, then each in grey; None where no well has a crop.

    Parameters
    ----------
    wells : columns `well_id`, `row`, `column`; the first crop of each well is shown
    shape : rows and columns of the plate
    size : longer side of a well, pixels

    Returns
    -------
    list of np.ndarray
        (rows (size + 1), columns (size + 1), 3) uint8, then one (rows (size + 1), columns (size + 1)) per channel.
    """
    step = size + _GAP
    colours = stain_colours(thumbnails.channels)
    canvas: list[np.ndarray] | None = None
    for well, row, column in zip(wells["well_id"], wells["row"], wells["column"]):
        crops = thumbnails.crops_of(well)
        if not crops:
            continue
        if canvas is None:
            height, width = shape[0] * step, shape[1] * step
            canvas = [np.zeros((height, width, 3), np.uint8)]
            canvas += [np.zeros((height, width), np.uint8) for _ in thumbnails.channels]
        planes = shrink(thumbnails.store.load(crops[0]), size)
        contrast = thumbnails.contrast(crops[0])
        tiles = [composite(planes, contrast, colours), *(single(p, contrast, i) for i, p in enumerate(planes))]
        top, left = (int(row) - 1) * step, (int(column) - 1) * step
        height, width = planes.shape[1:]
        top, left = top + (size - height) // 2, left + (size - width) // 2
        for image, tile in zip(canvas, tiles):
            image[top : top + height, left : left + width] = tile
    return canvas
