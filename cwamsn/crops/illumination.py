"""How brightly a plate's images are lit from place to place: read from a file, or estimated, and divided out."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter, median_filter, zoom

from cwamsn.errors import InputError

Field = Mapping[str, object]
Read = Callable[[Field, str], np.ndarray]
MOST_FIELDS = 256  # of a plate, spread over it, that an estimate reads
FEWEST_FIELDS = 16  # with fewer, cells of single fields remain in it
_GRID = 64  # cells of the grid on which it is smoothed, along the longer side
_WINDOW = 0.25  # of that side, as CellProfiler's pipelines for Cell Painting have it (500 of 2,160 pixels)


def read_illumination(path: str | Path, stain: str) -> np.ndarray:
    """An illumination function of CellProfiler: (H, W) float32, by which images are divided.

    Raises InputError, naming the file, for what is none: another shape than two axes, a value that is not above zero.
    """
    label = f"images.illumination.{stain}: {path}"
    try:
        found = np.load(path, allow_pickle=False)
    except OSError as error:
        raise InputError(f"{label}: cannot be read ({error.strerror or error}); correct its location") from None
    except ValueError as error:
        raise InputError(f"{label}: is no .npy array ({error}); give one of CellProfiler's Illum*.npy") from None
    if not isinstance(found, np.ndarray) or found.ndim != 2 or found.dtype.kind not in "fiu":
        what = f"{found.dtype} of shape {found.shape}" if isinstance(found, np.ndarray) else "an archive"
        raise InputError(f"{label}: is {what}; give one plane of numbers (Illum*.npy)")
    if not (np.isfinite(found).all() and (found > 0).all()):
        raise InputError(f"{label}: has values that are not above 0, by which nothing can be divided")
    return found.astype(np.float32)


def divide(plane: np.ndarray, illumination: np.ndarray) -> np.ndarray:
    """`plane` over `illumination`, rounded to its own type (uint8 or uint16) and held below its largest value."""
    work = np.divide(plane, illumination, dtype=np.float32)
    np.rint(work, out=work)
    np.minimum(work, np.iinfo(plane.dtype).max, out=work)
    return work.astype(plane.dtype)


def estimate_illumination(fields: Sequence[Field], stains: Iterable[str], read: Read) -> dict[str, np.ndarray]:
    """Illumination function of each stain: the mean of a plate's fields, smoothed by a median, over its minimum.

    Parameters
    ----------
    fields : rows of the fields table of a plate. At most MOST_FIELDS, evenly spread, are read.
    stains : stains to estimate.
    read : gives the (H, W) plane of a field and stain; raises InputError for one that cannot be read.

    Returns
    -------
    dict
        (H, W) float32 by stain, 1 where least light falls: nothing becomes brighter than the file can hold.

    Raises
    ------
    InputError
        When fewer than FEWEST_FIELDS fields of one size can be read.
    """
    step = max(1, -(-len(fields) // MOST_FIELDS))
    chosen = list(fields)[::step]
    return {stain: _estimate(chosen, stain, read) for stain in stains}


def _estimate(fields: Sequence[Field], stain: str, read: Read) -> np.ndarray:
    sums: dict[tuple[int, int], np.ndarray] = {}
    counts: dict[tuple[int, int], int] = {}
    for field in fields:
        try:
            plane = read(field, stain)
        except InputError:
            continue  # it is left out, with the reason, when the field is converted
        size = plane.shape
        sums[size] = sums.get(size, 0) + _coarse(plane)
        counts[size] = counts.get(size, 0) + 1
    size = max(counts, key=lambda s: counts[s], default=(0, 0))
    if counts.get(size, 0) < FEWEST_FIELDS:
        raise InputError(
            f"images.illumination: estimate needs {FEWEST_FIELDS} fields of one plate and size, {counts.get(size, 0)} "
            f"of {stain} can be read; give the .npy files, or set it to null"
        )
    return _smooth(sums[size] / counts[size], size)


def _cell(size: tuple[int, ...]) -> int:
    """Pixels of a side of a cell of the grid."""
    return max(1, -(-max(size) // _GRID))


def _coarse(plane: np.ndarray) -> np.ndarray:
    """Means over the cells of the grid, float64; the last cell of a row or column may be smaller."""
    cell = _cell(plane.shape)
    edges = [np.arange(0, n, cell) for n in plane.shape]
    sums = np.add.reduceat(np.add.reduceat(plane, edges[0], axis=0, dtype=np.float64), edges[1], axis=1)
    lengths = [np.diff(np.append(e, n)) for e, n in zip(edges, plane.shape)]
    return np.asarray(sums / np.outer(*lengths))


def _smooth(mean: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    window = max(3, round(_WINDOW * max(mean.shape)) | 1)
    smooth = gaussian_filter(median_filter(mean, window, mode="nearest"), window / 6, mode="nearest")
    least = smooth.min()
    if least <= 0:
        raise InputError("images.illumination: the mean of the plate's images is black; set it to null")
    cell = _cell(size)
    whole = zoom(smooth / least, cell, order=1, mode="nearest", grid_mode=True)
    return np.maximum(whole[: size[0], : size[1]], 1).astype(np.float32)
