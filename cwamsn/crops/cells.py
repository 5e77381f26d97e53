"""Number of cells of a field, from its nuclear stain: threshold, one seed per nucleus, watershed.

scikit-image is imported where it counts: crops are written without it by default.
"""

from collections.abc import Iterable, Sequence

import numpy as np

from cwamsn.errors import InputError
from cwamsn.vocabulary import SYNONYMS

_DIAMETER = 12  # pixels of a nucleus once a plane is reduced: enough for its outline, and cheap
_SMALLEST = 0.2  # of a nucleus' area; what is less is debris
# Otsu's threshold splits noise and uneven light too. Their classes are 2.6 to 3.2 deviations of the dark one apart and
# their skewness is 0; of real fields 4.5 to 13 and 1.2 to 4.
_APART, _SKEWED = 3.6, 0.3
_SCALES = (8, 96)  # pixels that a nucleus' diameter may have
_LEAST_ISLANDS = 5  # from which a field says how large its nuclei are


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
    """Diameter of a nucleus in pixels: the median over fields of the median over islands of the foreground.

    None where no field has five islands. planes: (H, W) each.
    """
    from scipy import ndimage

    found = []
    for plane in planes:
        _, mask = _foreground(plane, 1, 1.0)
        distance = ndimage.distance_transform_edt(mask)
        islands, n = ndimage.label(mask)
        if n:
            radii = np.asarray(ndimage.maximum(distance, islands, np.arange(1, n + 1)))
            radii = radii[radii >= _SCALES[0] / 4]
            if len(radii) >= _LEAST_ISLANDS:
                found.append(2.3 * float(np.median(radii)))  # nuclei are longer than they are wide
    return float(np.clip(np.median(found), *_SCALES)) if found else None


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
