"""Time to measure the texture of one field, beside Gaussian blurs in pixels.

    OMP_NUM_THREADS=1 python -m bench.texture

Processor time of one thread, the best of 15, in turns: all numbers of a field; and four blurs of each channel by
`scipy.ndimage.gaussian_filter` alone, which the plain formulas would need.
"""

from bench._measure import interleaved  # isort: skip  (sets the number of threads)

import numpy as np
from scipy.ndimage import gaussian_filter

from cwamsn.embeddings.handcrafted import pixel_statistics
from cwamsn.embeddings.texture import texture

SHAPES = {"demo": (5, 128, 160), "Bray": (5, 520, 696), "RxRx3-core": (6, 512, 512)}


def main() -> None:
    for name, shape in SHAPES.items():
        field = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
        channels, planes = list("abcdef"[: shape[0]]), field.astype(np.float32)
        took = interleaved(
            {
                "texture": lambda f=field, c=channels: texture(f, c),
                "blurs in pixels": lambda p=planes: [gaussian_filter(p, (0, s, s)) for s in (1, 2, 4, 8)],
                "pixel statistics": lambda f=field, c=channels: pixel_statistics(f, c),
            }
        )
        print(f"{name}, {' x '.join(map(str, shape))}: " + ", ".join(f"{k} {v:.1f} ms" for k, v in took.items()))


if __name__ == "__main__":
    main()
