"""What becomes of a plane's pixels before they are made 8-bit: a declared range, and an illumination function."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from cwamsn.crops.illumination import divide, estimate_illumination, read_illumination
from cwamsn.crops.options import CropOptions
from cwamsn.errors import InputError
from cwamsn.paths import UnitPaths
from cwamsn.screen_specs.image_options import ESTIMATE, ImageOptions, illumination_name
from cwamsn.screen_specs.locations import local_path
from cwamsn.screens import PlaneReader

log = logging.getLogger(__name__)
_MOST_OUTSIDE = 0.5  # share of a plane's pixels outside the declared range with which it is left out


class Corrections:
    """The key `images` of a screen, applied to the planes of one plate.

    Parameters
    ----------
    images : the key.
    plate : names of the plate: its barcode, and the name of its files.
    functions : where the illumination function of each stain lies, where they are files.
    """

    def __init__(self, images: ImageOptions, plate: Sequence[str], functions: Mapping[str, Path]) -> None:
        self.images, self.range = images, images.range_of(*plate)
        self._illumination = {stain: read_illumination(path, stain) for stain, path in functions.items()}
        self.outside: dict[str, int] = {}
        """Pixels outside the declared range by stain, of the planes read since the last :meth:`begin`."""

    def begin(self) -> None:
        """Count from here."""
        self.outside = {}

    def ranged(self, stain: str, plane: np.ndarray, uri: str) -> np.ndarray:
        """The plane as uint8 or uint16: under a declared range, its low is 0. InputError for a range that it leaves."""
        if self.range is None:
            return plane
        found, outside = to_unsigned(plane, *self.range, uri)
        if outside:
            self.outside[stain] = outside
        return found

    def lit(self, stain: str, plane: np.ndarray, uri: str) -> np.ndarray:
        """The plane over its illumination function. InputError where their sizes differ."""
        function = self._illumination.get(stain)
        if function is None:
            return plane
        if function.shape != plane.shape:
            sizes = [" x ".join(map(str, shape)) for shape in (function.shape, plane.shape)]
            raise InputError(
                f"{uri}: {sizes[1]} pixels, the illumination function of {stain} has {sizes[0]}; give that of these "
                "images (images.illumination)"
            )
        return divide(plane, function)

    def estimate(self, fields: Sequence[Mapping[str, object]], stains: Sequence[str], planes: PlaneReader) -> None:
        """Estimate the illumination functions from the plate's own fields, where that is asked for."""
        if self.images.illumination != ESTIMATE:
            return

        def read(field: Mapping[str, object], stain: str) -> np.ndarray:
            uri = field[f"uri_{stain}"]
            if not isinstance(uri, str):
                raise InputError(f"plane {stain} is missing")
            return self.ranged(stain, planes.read(uri), uri)

        self._illumination = estimate_illumination(fields, stains, read)
        for stain, function in self._illumination.items():
            log.info("illumination of %s, estimated: 1 to %.3g", stain, function.max())

    def warning(self) -> str | None:
        """What is said about the planes since :meth:`begin`, as :mod:`cwamsn.crops.judge` has it."""
        texts = [f"{stain} {n} pixels" for stain, n in self.outside.items()]
        return f"outside the range: {', '.join(texts)}" if texts else None


def corrections_of(
    images: ImageOptions, options: CropOptions, stains: Sequence[str], unit: UnitPaths, barcode: str
) -> Corrections | None:
    """Corrections of a unit's planes; None where nothing is corrected, as for most screens.

    Parameters
    ----------
    images : the key of the screen.
    options : the section `crops` of the screen.
    stains : those that are used.
    unit : paths of the plate; fetched illumination functions lie in its raw folder.
    barcode : what the user calls the plate.

    Raises
    ------
    InputError
        For a plate without a range, a stain without an illumination function, one that cannot be read, and a range
        beside `crops.black_level`.
    """
    if images.range is None and images.illumination is None:
        return None
    if images.range is not None and options.black_level:
        raise InputError(
            f"crops.black_level: is {options.black_level}, and images.range says what is black too; set it to 0 for "
            "this screen"
        )
    places = images.illumination_of(barcode)
    missing = [stain for stain in stains if stain not in places] if places else []
    if missing:
        raise InputError(f"images.illumination: has no {', '.join(missing)}, only {', '.join(places)}; add its file")
    functions = {stain: local_path(places[stain]) or unit.raw / illumination_name(stain) for stain in stains if places}
    return Corrections(images, (barcode, unit.name), functions)


def to_unsigned(plane: np.ndarray, low: float, high: float, uri: str) -> tuple[np.ndarray, int]:
    """(the plane as uint16, how many of its pixels lie outside low to high and were brought to the nearer end).

    Whole numbers whose range spans at most 65,535 keep their steps: low is 0. Others are scaled, low to 0 and high to
    65,535, and rounded. Neither changes what the conversion to 8 bits makes of the plane but by rounding.

    Raises InputError, beginning with `uri`, when a pixel is no number, and when most lie outside.
    """
    if plane.dtype.kind == "f" and np.isnan(plane).any():
        raise InputError(f"{uri}: {int(np.isnan(plane).sum()):,} of its pixels are not a number; export it again")
    outside = int(np.count_nonzero((plane < low) | (plane > high)))
    if outside > _MOST_OUTSIDE * plane.size:
        raise InputError(
            f"{uri}: {outside / plane.size:.0%} of its pixels lie outside images.range ({low:g} to {high:g}), its "
            f"values are {plane.min():g} to {plane.max():g}; correct the range"
        )
    whole = plane.dtype.kind in "iu" and low == int(low) and high == int(high) and high - low <= 65_535
    if whole:
        return (np.clip(plane.astype(np.int64), int(low), int(high)) - int(low)).astype(np.uint16), outside
    scaled = (np.clip(plane.astype(np.float64), low, high) - low) * (65_535 / (high - low))
    return np.rint(scaled, out=scaled).astype(np.uint16), outside
