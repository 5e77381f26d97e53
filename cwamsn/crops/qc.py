"""Measures of one field, and the thresholds that leave it out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import imagecodecs
import numpy as np

from cwamsn.crops.options import QcOptions

_BLOCK = 1 << 17


@dataclass(frozen=True)
class Measures:
    """Of a (C, H, W) uint8 crop, one value per channel; sums are exact integers."""

    focus: np.ndarray  # variance of the Laplacian over the squared mean: sharp edges against the level
    saturation: np.ndarray  # share of pixels at the display maximum, 255
    sums: np.ndarray  # int64
    squares: np.ndarray  # int64
    pixels: int
    digest: tuple  # equal for two crops only when their pixels are

    @property
    def mean(self) -> np.ndarray:
        return self.sums / self.pixels

    @property
    def std(self) -> np.ndarray:
        variance = [s2 * self.pixels - s * s for s, s2 in zip(self.sums.tolist(), self.squares.tolist())]
        return np.sqrt(np.array(variance, float)) / self.pixels


def measure(crop: np.ndarray) -> Measures:
    """Measures of a (C, H, W) uint8 crop.

    Focus is the variance of the Laplacian (Pech-Pacheco et al. 2000), here on every eighth row, divided by the squared
    mean, which makes it independent of the stain's gain; 0 for crops smaller than 3 x 3.
    """
    pixels = crop.shape[1] * crop.shape[2]
    crop = np.ascontiguousarray(crop)
    sums, squares, focus, saturation = [], [], [], []
    for plane in crop:  # all of one plane before the next, while it is in the cache
        total, square = _sums(plane.reshape(-1))
        sums.append(total)
        squares.append(square)
        focus.append(_laplacian_variance(plane) / max(total / pixels, 1e-12) ** 2)
        saturation.append(np.count_nonzero(plane == 255) / pixels)
    # CRC-32 alone could collide within a plate; together with the exact per-channel sums it will not.
    digest = (imagecodecs.deflate_crc32(crop), crop.shape, *sums, *squares)
    return Measures(np.array(focus), np.array(saturation), np.array(sums), np.array(squares), pixels, digest)


def _sums(values: np.ndarray) -> tuple[int, int]:
    """Sum and sum of squares of a 1-D uint8 array, exact.

    In single precision over runs of 256 values, whose sums stay below 2**24, then in double; a block at a time, so that
    the work stays in the cache.
    """
    total = squares = 0.0
    runs = np.empty((_BLOCK // 256, 256), np.float32)
    flat, ones = runs.reshape(-1), np.ones(256, np.float32)
    for start in range(0, values.size, _BLOCK):
        block = values[start : start + _BLOCK]
        flat[: block.size] = block
        flat[block.size :] = 0
        total += (runs @ ones).sum(dtype=np.float64)
        squares += np.vecdot(runs, runs).sum(dtype=np.float64)
    return int(total), int(squares)


def _laplacian_variance(plane: np.ndarray) -> float:
    if min(plane.shape) < 3:
        return 0.0
    # Centre rows 1, 9, 17 ... with the rows above and below them.
    above, centre, below = (plane[r : plane.shape[0] - 2 + r : 8].astype(np.int16) for r in range(3))
    laplacian = above[:, 1:-1] + below[:, 1:-1]
    laplacian += centre[:, :-2]
    laplacian += centre[:, 2:]
    laplacian -= centre[:, 1:-1] * np.int16(4)
    values = laplacian.astype(np.float64)
    # Sums of integers below 2**53: exact, hence the same in any order of summation. Row by row, since BLAS spreads a
    # product of a whole plane over all cores, which wait for each other longer than they work.
    return float(np.vecdot(values, values).sum() - values.sum() ** 2 / values.size) / values.size


def fault(measures: Measures, channels: Sequence[str], thresholds: QcOptions) -> str | None:
    """Why a field is left out, naming the first channel that fails, or None.

    A threshold is a number, or a mapping from channel to number, or None for no threshold.
    """
    for name, limits, values, wrong in (
        ("min_std", thresholds.min_std, measures.std, np.less_equal),
        ("min_focus", thresholds.min_focus, measures.focus, np.less),
        ("max_saturation", thresholds.max_saturation, measures.saturation, np.greater),
    ):
        label = {"min_std": "empty", "min_focus": "out of focus", "max_saturation": "saturated"}[name]
        for channel, value in zip(channels, values):
            limit = limits.get(channel) if isinstance(limits, Mapping) else limits
            if limit is not None and wrong(value, limit):
                return f"{label}: {channel} has {name.split('_')[1]} {value:.4g}, {name} is {limit:g}"
    return None
