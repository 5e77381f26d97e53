"""How one crop becomes bytes: differences between rows, then a compressor (docs/decisions/0001-crop-store.md)."""

from collections.abc import Callable

import imagecodecs
import numpy as np

from cwamsn.crops.rows import difference_rows, sum_rows

# Blocks of 32 KiB stay in the first-level cache. Bits are shuffled over words of eight pixels: a tenth larger than over
# single pixels, and expanded in half the time.
_BLOSC = {"level": 5, "compressor": "lz4", "shuffle": 2, "splitmode": "never", "typesize": 8, "blocksize": 1 << 15}

_COMPRESS: dict[str, Callable[[np.ndarray, np.ndarray], memoryview | np.ndarray]] = {
    "lz4": lambda data, out: imagecodecs.blosc2_encode(data, numthreads=1, out=out, **_BLOSC),
    "zstd": lambda data, out: imagecodecs.zstd_encode(data, level=1, out=out),
    "none": lambda data, out: _copy(data, out),
}
_EXPAND: dict[str, Callable[[np.ndarray, np.ndarray], object]] = {
    "lz4": lambda data, out: imagecodecs.blosc2_decode(data, numthreads=1, out=out),
    "zstd": lambda data, out: imagecodecs.zstd_decode(data, out=out),
    "none": lambda data, out: np.copyto(out, data),
}
CODECS = tuple(_COMPRESS)


def bound(nbytes: int) -> int:
    """Bytes that the compressed form of `nbytes` bytes never exceeds."""
    return nbytes + nbytes // 128 + 1024


def encode(crop: np.ndarray, codec: str, out: np.ndarray | None = None, work: np.ndarray | None = None) -> np.ndarray:
    """Compressed bytes (1-D uint8) of a (C, H, W) uint8 array; none for an array of zeros.

    Parameters
    ----------
    crop : (C, H, W) uint8.
    codec : one of CODECS.
    out : 1-D uint8 of `bound(crop.nbytes)` or more, whose beginning is then filled and returned.
    work : like `crop`. Given `out` and `work`, nothing of the crop's size is allocated.
    """
    if not crop.any():
        # Blosc2 cannot expand its own encoding of zeros when their number is not a multiple of eight.
        return np.empty(0, np.uint8)
    if out is None:
        out = np.empty(bound(crop.nbytes), np.uint8)
    if codec != "none":
        crop = difference_rows(crop, work)
    return np.frombuffer(_COMPRESS[codec](np.ascontiguousarray(crop).reshape(-1), out), np.uint8)


def decode(data: np.ndarray, codec: str, out: np.ndarray) -> None:
    """Expand `data` (1-D uint8) into `out`, a C-contiguous (C, H, W) uint8 array of the original shape."""
    if not data.size:
        out.fill(0)
        return
    _EXPAND[codec](data, out.reshape(-1))
    if codec != "none":
        sum_rows(out)


def _copy(data: np.ndarray, out: np.ndarray) -> np.ndarray:
    out[: data.size] = data
    return out[: data.size]
