"""Conversion of the real Bray field to 8 bit, against a straightforward version of the published algorithm.

python -m bench.conversion    (`python -m bench.avx2 -m bench.conversion`: without AVX-512)
"""

import numpy as np
import tifffile

from bench import published
from bench._measure import interleaved
from tests.conftest import SHARED

CHANNELS = ["Mito", "ERSyto", "ERSytoBleed", "Ph_golgi", "Hoechst"]


def real_field() -> np.ndarray:
    """(5, 520, 696) uint16."""
    folder = SHARED / "data" / "bray" / "field"
    return np.stack([tifffile.imread(folder / f"{c}.tif") for c in CHANNELS])


def main() -> None:
    from cwamsn.crops import compress_to_uint8

    field = list(real_field())
    for plane in field:
        np.testing.assert_array_equal(compress_to_uint8(plane), published.convert(plane))
    times = interleaved(
        {
            "published": lambda: [published.convert(p) for p in field],
            "compress_to_uint8": lambda: [compress_to_uint8(p) for p in field],
        }
    )
    for name, ms in times.items():
        print(f"{name:20} {ms:7.2f} ms for five channels of 520 x 696, one core")
    print(f"ratio {times['published'] / times['compress_to_uint8']:.1f} (wanted: at least 4, and at most 8 ms)")


if __name__ == "__main__":
    main()
