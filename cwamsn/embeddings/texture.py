"""Texture of a field without segmentation: how much each channel varies in bands of scale, and which vary together.

A band is the difference of two Gaussian blurs (Marr and Hildreth, Proc. R. Soc. Lond. B 207:187, 1980). Filters are
applied in the cosine domain, where a blur with reflected borders is a product: two to three times faster than in
pixels, and equal to `scipy.ndimage.gaussian_filter` up to rounding.
"""

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

import numpy as np
from scipy import fft

from cwamsn.errors import InputError

TRUNCATE = 4.0  # standard deviations at which a kernel ends, as in scipy.ndimage


def texture(crop: np.ndarray, channels: Sequence[str], scales: Sequence[float] = (1, 2, 4, 8)) -> dict[str, float]:
    """Mean, and spread and skewness per band of scale, of each channel of a crop; correlations between channels.

    With `C` channels and `S` scales these are `C (2 S + 1) + C (C - 1) / 2` numbers: 55 for five channels.

    Parameters
    ----------
    crop : (C, H, W), any numeric type, in 0-255 units
    channels : names of the C channels
    scales : standard deviations of the blurs in pixels, ascending. The first band is the crop less its first blur,
        each other one the difference of two neighbouring blurs

    Returns
    -------
    dict of str to float
        `<channel>_mean`; `<channel>_spread_1_2`, the standard deviation of the band of those scales;
        `<channel>_skewness_1_2`, its third central moment over the third power of the spread;
        `<channel>_<other>_correlation`, Pearson's over pixels. Skewness of a band without spread and correlations of a
        constant channel are NaN.

    Raises
    ------
    InputError
        The scales do not ascend from above 0.
    """
    if not len(scales) or any(a >= b for a, b in pairwise((0, *scales))):
        raise InputError(f"scales: {', '.join(map(str, scales)) or 'none'} must be numbers that ascend from above 0")
    planes = crop.astype(np.float32)
    means = planes.mean((1, 2), dtype=np.float64)
    planes -= means[:, None, None].astype(np.float32)
    names, spreads, skewness = [], [], []
    waves = fft.dctn(planes, axes=(1, 2), norm="ortho")
    for (low, high), gain in zip(pairwise((0, *scales)), _bands(*crop.shape[1:], tuple(scales))):
        spread, skew = _moments(fft.idctn(waves * gain, axes=(1, 2), norm="ortho"))
        names.append(f"{low:g}_{high:g}")
        spreads.append(spread)
        skewness.append(skew)
    correlations = _correlations(planes)
    values: dict[str, float] = {}
    for i, channel in enumerate(channels):
        values[f"{channel}_mean"] = float(means[i])
        values |= {f"{channel}_spread_{name}": float(v[i]) for name, v in zip(names, spreads)}
        values |= {f"{channel}_skewness_{name}": float(v[i]) for name, v in zip(names, skewness)}
        values |= {f"{channel}_{channels[j]}_correlation": float(correlations[i, j]) for j in range(i)}
    return values


def _moments(band: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Standard deviation and skewness of each plane of a band (C, H, W), whose planes have mean 0."""
    flat = band.reshape(len(band), -1)
    square = flat * flat
    variance = square.mean(1, dtype=np.float64)
    third = np.einsum("cp,cp->c", square, flat, dtype=np.float64) / flat.shape[1]
    return np.sqrt(variance), third / np.where(variance > 0, variance, np.nan) ** 1.5


def _correlations(planes: np.ndarray) -> np.ndarray:
    """Pearson's correlations (C, C) of planes (C, H, W) whose means are 0; NaN where one does not vary."""
    flat = planes.reshape(len(planes), -1)
    product = (flat @ flat.T).astype(np.float64)
    size = np.sqrt(product.diagonal())
    size = np.where(size > 0, size, np.nan)
    return product / size[:, None] / size


@lru_cache(maxsize=2)
def _bands(height: int, width: int, scales: tuple[float, ...]) -> list[np.ndarray]:
    """What each band leaves of every cosine wave of a plane: one (height, width) array per band."""
    blurs = [np.ones((height, width))]
    blurs += [np.outer(_response(scale, height), _response(scale, width)) for scale in scales]
    return [(a - b).astype(np.float32) for a, b in pairwise(blurs)]


def _response(scale: float, length: int) -> np.ndarray:
    """What a sampled Gaussian kernel leaves of the cosine waves of a line: (length,), 1 for the constant one."""
    radius = int(TRUNCATE * scale + 0.5)
    offsets = np.arange(-radius, radius + 1)
    kernel = np.exp(-0.5 * (offsets / scale) ** 2)
    waves = np.cos(np.pi * np.outer(np.arange(length), offsets) / length)
    return waves @ (kernel / kernel.sum())
