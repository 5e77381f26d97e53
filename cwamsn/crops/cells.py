"""Number of cells of a field, from its nuclear stain: threshold, one seed per nucleus, watershed.

scikit-image is imported where it counts: crops are written without it by default.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from cwamsn.crops.options import CropOptions
from cwamsn.errors import InputError
from cwamsn.notes import note
from cwamsn.vocabulary import SYNONYMS

log = logging.getLogger(__name__)

_DIAMETER = 12  # pixels of a nucleus once a plane is reduced: enough for its outline, and cheap
_SMALLEST = 0.2  # of a nucleus' area; what is less is debris
# Otsu's threshold splits noise and uneven light too. Their classes are 2.6 to 3.2 deviations of the dark one apart and
# their skewness is 0; of real fields 4.5 to 13 and 1.2 to 4.
_APART, _SKEWED = 3.6, 0.3
_SCALES = (8, 96)  # pixels that a nucleus' diameter may have
_LEAST_ISLANDS = 5  # that say how large nuclei are
_FIELDS = 9  # of a plate from which its nuclei are measured
_USUAL = 24.0  # pixels, where too few nuclei are there to measure


def nuclear_channel(channels: Sequence[str], name: str | None = None) -> int:
    """Position of the nuclear stain among the channels of a crop.

    Parameters
    ----------
    channels : names of the channels
    name : the one that is said to be it; None: the one whose name is one of the names of the DNA stain

    Raises
    ------
    InputError
        No channel, or more than one, has such a name.
    """
    if name is not None:
        if name not in channels:
            raise InputError(f"crops.cells.channel: there is no channel {name!r}; there are {', '.join(channels)}")
        return list(channels).index(name)
    known = {plain.casefold() for plain in SYNONYMS[0]}
    found = [k for k, channel in enumerate(channels) if channel.casefold().replace(" ", "") in known]
    if len(found) != 1:
        what = "none" if not found else "more than one"
        raise InputError(
            f"crops.cells.channel: {what} of the channels {', '.join(channels)} is known as the nuclear stain; name it"
        )
    return found[0]


def find_nuclei(plane: np.ndarray, diameter: float) -> np.ndarray:
    """Centres of the nuclei of a field.

    Parameters
    ----------
    plane : (H, W) nuclear stain, nuclei bright
    diameter : of a typical nucleus, in pixels

    Returns
    -------
    (n, 2) rows and columns, in pixels. Nuclei that touch the border are among them; what has less than a fifth of a
    typical nucleus' area is not. None where nothing stands out of the background.

    Notes
    -----
    The plane is reduced until a nucleus is about 12 pixels wide. Otsu's threshold of the square root, so that a few
    mitotic nuclei do not hide the others; seeds at maxima of distance to the outline and brightness together, which
    split nuclei that touch; watershed, to tell nuclei from debris by their areas.
    """
    from scipy import ndimage
    from skimage.segmentation import watershed

    factor = max(1, round(diameter / _DIAMETER))
    size = diameter / factor
    smooth, mask = _foreground(plane, factor, 0.07 * size)
    if not mask.any():
        return np.empty((0, 2))
    distance = ndimage.gaussian_filter(ndimage.distance_transform_edt(mask), 0.06 * size, output=np.float32)
    light = ndimage.gaussian_filter(smooth, 0.1 * size)
    height = distance / (size / 2) + light / max(float(np.median(light[mask])), 1e-6)
    reach = max(1, round(0.3 * size))
    seeds, n = ndimage.label(mask & (height == ndimage.maximum_filter(height, 2 * reach + 1)))
    nuclei = watershed(-height, seeds, mask=mask)
    areas = np.bincount(nuclei.ravel(), minlength=n + 1)[1:]
    large = np.flatnonzero(areas >= _SMALLEST * np.pi / 4 * size**2)
    if not len(large):
        return np.empty((0, 2))
    centres = np.array(ndimage.center_of_mass(nuclei > 0, nuclei, large + 1))
    return (centres + 0.5) * factor - 0.5


def typical_diameter(planes: Iterable[np.ndarray]) -> float | None:
    """Diameter of a nucleus in pixels, from the widths of the islands that stand out of the background.

    None where there are fewer than five. planes: (H, W) each.
    """
    from scipy import ndimage

    found: list[float] = []
    for plane in planes:
        _, mask = _foreground(plane, 1, 1.0)
        distance = ndimage.distance_transform_edt(mask)
        islands, n = ndimage.label(mask)
        if n:
            radii = np.asarray(ndimage.maximum(distance, islands, np.arange(1, n + 1)))
            found += radii[radii >= _SCALES[0] / 4].tolist()
    if len(found) < _LEAST_ISLANDS:
        return None
    return float(np.clip(2.3 * np.median(found), *_SCALES))  # nuclei are longer than they are wide


def _foreground(plane: np.ndarray, factor: int, sigma: float) -> tuple[np.ndarray, np.ndarray]:
    """Square root of the smoothed plane, reduced by `factor`, and where it stands out of its background."""
    from scipy import ndimage
    from skimage.filters import threshold_otsu

    height, width = (side // factor * factor for side in plane.shape)
    small = plane[:height, :width].astype(np.float32)
    small = small.reshape(height // factor, factor, width // factor, factor).mean(axis=(1, 3))
    smooth = np.sqrt(ndimage.gaussian_filter(small, sigma))
    if np.ptp(smooth) == 0:
        return smooth, np.zeros(smooth.shape, bool)
    mask = smooth > threshold_otsu(smooth)
    light, dark = smooth[mask], smooth[~mask]
    apart = float(light.mean() - dark.mean()) / max(float(dark.std()), 1e-6)
    if apart < _APART and _skewness(smooth) < _SKEWED:
        return smooth, np.zeros(smooth.shape, bool)
    return smooth, ndimage.binary_fill_holes(mask)


def _skewness(values: np.ndarray) -> float:
    centred = values - values.mean()
    return float(np.mean(centred**3) / max(float(np.mean(centred**2)), 1e-12) ** 1.5)


@dataclass(frozen=True)
class CellCounter:
    """Counts the cells of (C, H, W) crops."""

    channel: int
    """Position of the nuclear stain."""
    diameter: float
    """Of a nucleus, in pixels."""

    def __call__(self, crop: np.ndarray) -> int:
        return len(find_nuclei(crop[self.channel], self.diameter))


class Reader(Protocol):
    """What reads a field: see :class:`cwamsn.crops.write.FieldReader`."""

    def read(self, field: Mapping[str, Any]) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """(C, H, W) crop, valid until the next call, and the planes that it is made of."""


def counter_of(
    options: CropOptions, unit: str, fields: Sequence[Mapping[str, Any]], new_reader: Callable[[], Reader]
) -> CellCounter:
    """What counts the cells of a unit; where the options leave it open, nuclei are measured on some of its fields.

    Parameters
    ----------
    options : the section `crops`.
    unit : name of the plate or shard.
    fields : rows of its fields table.
    new_reader : makes what reads them; not called where the options say how large nuclei are.

    Raises
    ------
    InputError
        No channel is known as the nuclear stain.
    """
    channel = nuclear_channel(options.channels, options.cells.channel)
    diameter = options.cells.diameter
    if diameter is None:
        rows = np.unique(np.linspace(0, len(fields) - 1, min(_FIELDS, len(fields))).round().astype(int))
        diameter = typical_diameter(_planes([fields[row] for row in rows], new_reader(), channel))
    if diameter is None:
        note(
            f"{unit}: too few nuclei to measure in {len(rows)} fields; cells are counted as if nuclei were {_USUAL:g} "
            "pixels wide, set crops.cells.diameter if they are not"
        )
    log.info("%s: nuclei are %.3g pixels wide", unit, diameter or _USUAL)
    return CellCounter(channel, diameter or _USUAL)


def _planes(fields: Sequence[Mapping[str, Any]], reader: Reader, channel: int) -> Iterator[np.ndarray]:
    """The nuclear stain of each field that can be read."""
    for field in fields:
        try:
            yield reader.read(field)[0][channel]
        except InputError:
            continue  # the QC table will say why
