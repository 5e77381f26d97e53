"""One crop as a picture: shrunk, in the contrast of its plate, each stain in its colour."""

import numpy as np
from PIL import Image

from cwamsn.pictures.contrast import Contrast

_SUM = 420.0
"""Most of red, green or blue that all stains together give, of which 255 are shown."""


def window_of(shape: tuple[int, ...], window: int | None) -> tuple[slice, slice]:
    """Rows and columns of the central square with sides of `window` pixels; all of a crop that is smaller."""
    height, width = shape[-2:]
    if window is None:
        return slice(0, height), slice(0, width)
    top, left = max(0, (height - window) // 2), max(0, (width - window) // 2)
    return slice(top, top + min(window, height)), slice(left, left + min(window, width))


def shrink(crop: np.ndarray, size: int, window: int | None = None) -> np.ndarray:
    """A crop at the size of its picture: means of the pixels that fall together; never enlarged.

    Parameters
    ----------
    crop : (C, H, W) uint8
    size : longer side, pixels
    window : side of the central square that is shown; None: the whole crop

    Returns
    -------
    np.ndarray
        (C, h, w) uint8.
    """
    rows, columns = window_of(crop.shape, window)
    crop = crop[:, rows, columns]
    height, width = crop.shape[1:]
    scale = min(1.0, size / max(height, width))
    if scale == 1:
        return crop
    target = max(1, round(width * scale)), max(1, round(height * scale))
    # whole pixels together first: five times as fast as the exact means, which then have little left to do
    whole = max(1, int(max(height, width) / size / 1.5))
    planes = [Image.fromarray(np.ascontiguousarray(plane)) for plane in crop]
    return np.stack([np.asarray(plane.reduce(whole).resize(target, Image.Resampling.BOX)) for plane in planes])


def composite(planes: np.ndarray, contrast: Contrast, colours: np.ndarray) -> np.ndarray:
    """All stains in one picture: the sum of their colours, dimmed so that where all are bright is hardly white.

    Parameters
    ----------
    planes : (C, H, W) uint8, as :func:`shrink` gives
    contrast : of the plate
    colours : (C, 3), as :func:`~cwamsn.pictures.stain_colours` gives

    Returns
    -------
    np.ndarray
        (H, W, 3) uint8.
    """
    dimmed = colours * min(1.0, _SUM / colours.sum(axis=0).max())
    light = contrast.scaled(planes).reshape(len(planes), -1).T @ dimmed
    return np.minimum(light, 255).astype(np.uint8).reshape(*planes.shape[1:], 3)


def single(plane: np.ndarray, contrast: Contrast, channel: int) -> np.ndarray:
    """One stain in grey, (H, W) uint8, in the contrast of the plate."""
    one = Contrast(contrast.low[[channel]], contrast.high[[channel]])
    return (one.scaled(plane[None])[0] * 255).astype(np.uint8)
