"""Small pictures for the page."""

import io

import numpy as np
from PIL import Image


def picture(plane: np.ndarray) -> bytes:
    """PNG of a (H, W) uint8 plane."""
    buffer = io.BytesIO()
    Image.fromarray(plane).save(buffer, format="png")
    return buffer.getvalue()
