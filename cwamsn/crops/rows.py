"""Differences between the rows of a plane, which compress better than its pixels, and their sums.

Row r is stored as its difference (modulo 256) from row r − s, s the largest power of two that divides r. Half of the
rows thus differ from their neighbour, a quarter from the row two above, and so on. Plain differences of neighbours
compress a little better, but to undo them takes one call per row; these are undone by one call per level, ten for a
field, or by a single pass from the first row to the last.
"""

from collections.abc import Callable
from functools import cache, lru_cache

import numpy as np


def difference_rows(crop: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
    """Differences of a (C, H, W) uint8 array; into `out`, of the same shape, if given."""
    result = np.empty_like(crop, order="C") if out is None else out
    row = np.arange(crop.shape[1])
    # Rows are copied and whole arrays subtracted; subtracting rows from rows would take numpy four times as long.
    np.take(crop, row - (row & -row), axis=1, out=result, mode="clip")
    result[:, 0] = 0
    return np.subtract(crop, result, out=result)


def sum_rows(crop: np.ndarray) -> None:
    """Undo :func:`difference_rows` in place. crop: C-contiguous (C, H, W) uint8."""
    add_rows = _add_rows()
    if add_rows is None:
        sum_levels(crop)
        return
    planes, height, width = crop.shape
    ends, above, ones = _rows_above(planes, height)
    flat = crop.reshape(-1)
    add_rows(planes * height, planes * height, width, ends, above, ones, flat, flat)


def sum_levels(crop: np.ndarray) -> None:
    """As :func:`sum_rows`, by whole arrays, the widest differences first; a tenth of a crop's reading slower."""
    for step in reversed(_steps(crop.shape[-2])):
        odd = crop[..., step :: 2 * step, :]
        odd += crop[..., :: 2 * step, :][..., : odd.shape[-2], :]


@cache
def _add_rows() -> Callable[..., None] | None:
    """scipy's Y += A X over the rows of X and Y, in the order of A's rows and without the interpreter lock.

    No public function of scipy lets X and Y be the same memory, which is what makes it the sums in one pass. None for a
    scipy that keeps it elsewhere. Imported late: scipy.sparse costs 0.1 s, and who writes crops sums nothing.
    """
    try:
        from scipy.sparse._sparsetools import csr_matvecs
    except ImportError:
        return None
    return csr_matvecs


@lru_cache(maxsize=16)
def _rows_above(planes: int, height: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A matrix of a one in each row that differs from another, as scipy's CSR: ends of the rows, columns, values."""
    row = np.arange(planes * height, dtype=np.int32)
    within = row % height
    stored = within > 0
    ends = np.concatenate([np.zeros(1, np.int32), np.cumsum(stored, dtype=np.int32)])
    above = (row - (within & -within))[stored]
    return ends, above, np.ones(len(above), np.uint8)


def _steps(height: int) -> list[int]:
    return [1 << k for k in range((height - 1).bit_length())]
