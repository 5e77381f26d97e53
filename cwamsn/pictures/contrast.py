"""One contrast per plate: what is shown black and what at full colour, so that wells of a plate can be compared."""

from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cwamsn.crops import CropStore
from cwamsn.crops.plates import plate_of
from cwamsn.pictures.options import PictureOptions

LEVELS = 256


@dataclass(frozen=True, eq=False)
class Contrast:
    """Grey levels of each channel between which a picture goes from black to full colour."""

    low: np.ndarray
    """(C,) float32."""
    high: np.ndarray
    """(C,) float32, above `low`."""

    def scaled(self, planes: np.ndarray) -> np.ndarray:
        """(C, H, W) grey levels to float32 from 0 (black) to 1."""
        span = 1 / (self.high - self.low)
        return np.clip((planes - self.low[:, None, None]) * span[:, None, None], 0, 1, dtype=np.float32)


def contrast_of(counts: np.ndarray, low: float = 1.0, high: float = 99.7) -> Contrast:
    """Contrast from the grey levels that occur.

    Parameters
    ----------
    counts : (C, 256) how often each grey level occurs in each channel
    low, high : percentiles; the smallest level that so much of the pixels does not exceed. A channel of one level is
        shown black.
    """
    counts = np.asarray(counts, dtype=np.float64)
    share = counts.cumsum(axis=1) / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    levels = [(share < min(q / 100, 1 - 1e-12)).sum(axis=1).clip(max=LEVELS - 1) for q in (low, high)]
    return Contrast(levels[0].astype(np.float32), np.maximum(levels[1], levels[0] + 1).astype(np.float32))


def levels_of(crop: np.ndarray) -> np.ndarray:
    """(C, 256) how often each grey level occurs in each channel of a (C, H, W) uint8 crop."""
    return np.stack([np.bincount(plane.ravel(), minlength=LEVELS) for plane in crop])


def plate_contrasts(store: CropStore, options: PictureOptions | None = None) -> dict[Hashable, Contrast]:
    """The contrast of each plate of a store, from `options.fields` of its crops, evenly spread over the plate.

    A plate goes by its name as its wells have it (:func:`cwamsn.crops.plates.plate_of`): plates 1 to 48 of RxRx3-core
    repeat in every experiment.
    """
    options = options or PictureOptions()
    found: dict[Hashable, Contrast] = {}
    for plate, rows in pd.Series(np.arange(len(store))).groupby(plate_of(store.frame).to_numpy(), sort=True):
        found[plate] = contrast_of(_levels(store, rows.to_numpy(), options.fields), options.low, options.high)
    return found


def _levels(store: CropStore, rows: np.ndarray, fields: int) -> np.ndarray:
    chosen = np.unique(np.linspace(0, len(rows) - 1, min(fields, len(rows))).round().astype(int))
    return np.sum([levels_of(store.load(int(rows[i]))) for i in chosen], axis=0)
