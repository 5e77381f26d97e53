"""The published preprocessing, written straightforwardly from its description, for comparison.

One image at a time: open the zip of its channel, decode, float arithmetic, `argpartition` for T; one uncompressed
`.npz` per field. Source: the steps of ml-jku/cloome, src/preprocess/preprocess_image.py; no code of it is used.
"""

import zipfile
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image


def convert(image: np.ndarray) -> np.ndarray:
    """(H, W) uint16 to uint8 in whole-image float arithmetic."""
    n = max(1, round(image.size * 0.0028 / 100))
    brightest = np.argpartition(image, -n, axis=None)[-n:]
    rows, columns = np.unravel_index(brightest, image.shape)
    threshold = min(image[r, c] for r, c in zip(rows, columns))
    scaled = (image.astype(float) * (image > 0)) * (256.0 / threshold)
    scaled[scaled > 255] = 255
    return scaled.astype(np.uint8)


def field(members: dict[str, tuple[Path, str]], out: Path) -> None:
    """One field: `members` is channel → (zip, member), in order; writes `out` (.npz)."""
    planes = []
    for archive, member in members.values():
        with zipfile.ZipFile(archive) as opened:
            data = opened.read(member)
        planes.append(convert(np.array(Image.open(BytesIO(data)))))
    np.savez(out, sample=np.stack(planes, axis=-1), channels=dict(enumerate(members)))
