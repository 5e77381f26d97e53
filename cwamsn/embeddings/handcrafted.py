"""Measured features in place of learned ones: CellProfiler-style, texture, pixel statistics, and the number of cells.

:func:`measure_unit` measures the wells of one unit of a screen, in named columns; :func:`combine_units` turns all units
into embeddings. scikit-image and cp_measure are imported where they measure: combining runs without them.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd

from cwamsn.crops import CropStore
from cwamsn.embeddings.files import features_frame
from cwamsn.embeddings.options import HandcraftedOptions
from cwamsn.embeddings.texture import texture
from cwamsn.errors import InputError
from cwamsn.files import progress
from cwamsn.notes import note

PERCENTILES = (1, 5, 25, 50, 75, 95, 99)


def segment(nuclear: np.ndarray, cellular: np.ndarray, options: HandcraftedOptions) -> tuple[np.ndarray, np.ndarray]:
    """Segment nuclei and the cells around them.

    Otsu's threshold after a Gaussian of `smoothing` pixels; nuclei are split at maxima of the distance transform at
    least `min_distance` pixels apart; cells are grown from their nuclei by watershed on the cellular plane, within its
    own Otsu threshold. Nuclei below `min_nucleus_area` pixels are left out.

    Parameters
    ----------
    nuclear, cellular : (H, W) planes

    Returns
    -------
    Nuclei and cells, two int32 label images (H, W) in which a nucleus and its cell have the same number.
    """
    from scipy import ndimage
    from skimage.feature import peak_local_max
    from skimage.filters import gaussian, threshold_otsu
    from skimage.morphology import remove_small_holes
    from skimage.segmentation import watershed

    smooth = gaussian(nuclear.astype(float), options.smoothing, preserve_range=True)
    if np.ptp(smooth) == 0:
        empty = np.zeros(nuclear.shape, np.int32)
        return empty, empty.copy()
    mask = remove_small_holes(smooth > threshold_otsu(smooth), max_size=options.min_nucleus_area)
    distance = gaussian(ndimage.distance_transform_edt(mask), options.smoothing, preserve_range=True)
    islands = ndimage.label(mask)[0]
    peaks = peak_local_max(distance, min_distance=options.min_distance, labels=islands, exclude_border=False)
    seeds = np.zeros(mask.shape, np.int32)
    seeds[tuple(peaks.T)] = np.arange(1, len(peaks) + 1)
    nuclei = watershed(-distance, seeds, mask=mask).astype(np.int32)
    nuclei[np.isin(nuclei, np.flatnonzero(np.bincount(nuclei.ravel()) < options.min_nucleus_area))] = 0
    nuclei = np.searchsorted(np.unique(nuclei[nuclei > 0]), nuclei) * (nuclei > 0) + (nuclei > 0)
    # on a logarithmic scale, since the dim rims of cells lie far below their bright centres
    plane = gaussian(np.log1p(cellular.astype(float)), options.smoothing, preserve_range=True)
    body = (plane > threshold_otsu(plane)) | (nuclei > 0) if np.ptp(plane) else nuclei > 0
    return nuclei.astype(np.int32), watershed(-plane, nuclei, mask=body).astype(np.int32)


def cell_profiles(
    crop: np.ndarray, channels: list[str], options: HandcraftedOptions
) -> tuple[np.ndarray, list[str], int]:
    """Features of the nucleus, body and cytoplasm of each cell, by cp_measure.

    Costes' colocalisation is left out: it is the most expensive feature and mostly undefined. Cells beyond `max_cells`
    are thinned out evenly; an object smaller than `min_object_area` pixels has undefined features (NaN).

    Parameters
    ----------
    crop : (C, H, W) uint8

    Returns
    -------
    Values, one row per cell (none where the crop has no cell); names of the columns; number of cells found.
    """
    from cp_measure.featurizer import featurize, make_featurizer_config

    nuclei, cells = segment(*_planes(crop, channels, options), options)
    found = int(nuclei.max())
    if found == 0:
        return np.empty((0, 0)), [], 0
    chosen = np.arange(1, found + 1)
    if options.max_cells and found > options.max_cells:
        chosen = chosen[np.linspace(0, found - 1, options.max_cells).round().astype(int)]
    masks = np.stack([nuclei, cells, np.where(nuclei > 0, 0, cells)])
    for mask in masks:
        mask[~np.isin(mask, chosen)] = 0
        mask[np.isin(mask, np.flatnonzero(np.bincount(mask.ravel()) < options.min_object_area))] = 0
    objects = ["Nuclei", "Cells", "Cytoplasm"]
    config = make_featurizer_config(channels, objects=objects, correlation_costes=False)
    blocks, columns = [], []
    for name, mask in zip(objects, masks):
        if not mask.any():
            continue
        with np.errstate(all="ignore"):
            one = config | {"objects": [name]}
            values, names, rows = featurize(crop[None] / 255.0, mask[None, None], one)
        table = np.full((len(chosen), len(names)), np.nan)
        table[np.searchsorted(chosen, [label for _, _, label in rows])] = values
        blocks.append(table)
        columns += [f"{name}_{column}" for column in names]
    return (np.hstack(blocks), columns, found) if blocks else (np.empty((0, 0)), [], found)


def pixel_statistics(crop: np.ndarray, channels: list[str]) -> dict[str, float]:
    """Mean, standard deviation and percentiles of each channel of a crop (C, H, W), in 0-255 units."""
    values: dict[str, float] = {}
    for name, plane in zip(channels, crop):
        values |= {f"{name}_mean": plane.mean(), f"{name}_std": plane.std()}
        values |= {f"{name}_p{q}": v for q, v in zip(PERCENTILES, np.percentile(plane, PERCENTILES))}
    return {name: float(value) for name, value in values.items()}


def cell_count(crop: np.ndarray, channels: list[str], options: HandcraftedOptions) -> dict[str, float]:
    """Number of nuclei of a crop and the share of its area that they and the cells cover."""
    from skimage.measure import regionprops_table

    nuclei, cells = segment(*_planes(crop, channels, options), options)
    areas = regionprops_table(nuclei, properties=("area",))["area"]
    return {
        "nuclei": float(len(areas)),
        "nuclei_area": float((nuclei > 0).mean()),
        "cells_area": float((cells > 0).mean()),
        "nucleus_size": float(np.median(areas)) if len(areas) else 0.0,
    }


def measure_unit(store: CropStore, features: str, options: HandcraftedOptions) -> pd.DataFrame:
    """Measure the wells of a crop store.

    Parameters
    ----------
    store : crops of one unit of a screen, or of all
    features : `cellprofiler-style` (median of each feature over all cells of a well, ignoring undefined values, and the
        mean number of cells per field), `texture`, `pixel-statistics` or `cell-count` (means over fields)
    options : at most `max_fields` crops per well are used, in the order of their ids

    Returns
    -------
    `well_id` and named feature columns, one row per well.
    """
    measure = _MEASURES.get(features)
    if measure is None:
        raise InputError(f"features: {features!r} is not known; known: {', '.join(_MEASURES)}")
    channels = list(store.channels)
    frame = store.frame.assign(number=np.arange(len(store.frame))).sort_values("crop_id", kind="stable")
    wells = {well: group["number"].to_numpy() for well, group in frame.groupby("well_id", sort=True)}
    rows = []
    for well, numbers in progress(wells.items(), features, unit="well"):
        crops = [store.load(int(i)) for i in numbers[: options.max_fields]]
        rows.append({"well_id": well} | measure(crops, channels, options))
    return pd.DataFrame(rows)


def _cellprofiler_style(crops: list[np.ndarray], channels: list[str], options: HandcraftedOptions) -> dict[str, float]:
    tables, counts = [], []
    for crop in crops:
        values, columns, found = cell_profiles(crop, channels, options)
        counts.append(found)
        if len(values):
            tables.append(pd.DataFrame(values, columns=columns))
    # pandas' median leaves NaN out, and gives NaN without a warning where nothing else is left
    medians = pd.concat(tables).median().to_dict() if tables else {}
    return {name: float(value) for name, value in medians.items()} | {"Count_Cells": float(np.mean(counts))}


Measure = Callable[[list[np.ndarray], list[str], HandcraftedOptions], dict[str, float]]


def _mean_over_fields(measure: Callable[[np.ndarray, list[str], HandcraftedOptions], dict[str, float]]) -> Measure:
    def mean(crops: list[np.ndarray], channels: list[str], options: HandcraftedOptions) -> dict[str, float]:
        return pd.DataFrame([measure(crop, channels, options) for crop in crops]).mean().to_dict()

    return mean


_MEASURES: dict[str, Measure] = {
    "cellprofiler-style": _cellprofiler_style,
    "texture": _mean_over_fields(lambda crop, channels, options: texture(crop, channels, options.scales)),
    "pixel-statistics": _mean_over_fields(lambda crop, channels, options: pixel_statistics(crop, channels)),
    "cell-count": _mean_over_fields(cell_count),
}


def combine_units(units: list[pd.DataFrame], max_missing: float = 0.05) -> tuple[pd.DataFrame, dict[str, object]]:
    """Embeddings of the measured wells of all units.

    Columns that are undefined in more than `max_missing` of the wells, or constant, are dropped; the remaining
    undefined values become the column's median; each column is centred on its median and divided by its median absolute
    deviation (times 1.4826; the standard deviation where that is 0), so that no measure outweighs the others.

    Parameters
    ----------
    units : tables as :func:`measure_unit` returns them

    Returns
    -------
    Embeddings (contract `embeddings`); and a report that names the columns in the order of `feature_0`, `feature_1`,
    ... and counts what was left out.
    """
    table = pd.concat(units).groupby("well_id", sort=True).mean()  # a well whose fields lie in two units has two rows
    values = table[sorted(table.columns)].astype(float)
    values = values.where(np.isfinite(values))
    undefined = values.isna().mean() > max_missing
    values = values.loc[:, ~undefined]
    constant = ~(values.max() > values.min())
    values = values.loc[:, ~constant]
    if values.empty:
        raise InputError("handcrafted features: every column is undefined or constant; check channels and segmentation")
    filled = int(values.isna().sum().sum())
    bare = values.isna().mean(axis=1) > 0.5
    if bare.any():
        note(
            f"{int(bare.sum())} of {len(values)} wells have no value in most features (no cells found, such as in "
            f"{values.index[bare.to_numpy().argmax()]}): they take the others' medians"
        )
    if undefined.any():
        note(
            f"{int(undefined.sum())} of {len(undefined)} measured columns are undefined in too many wells and left out"
        )
    values = values.fillna(values.median())
    centred = values - values.median()
    spread = 1.4826 * centred.abs().median()
    scaled = centred / spread.where(spread > 0, values.std(ddof=0))
    report: dict[str, object] = {
        "columns": list(scaled.columns),
        "columns_undefined": int(undefined.sum()),
        "columns_constant": int(constant.sum()),
        "values_filled": filled,
    }
    return features_frame(scaled.index.to_numpy(dtype=object), scaled.to_numpy(np.float32)), report


def _planes(crop: np.ndarray, channels: list[str], options: HandcraftedOptions) -> tuple[np.ndarray, np.ndarray]:
    """The nuclear and the cellular plane of a crop."""
    names = [options.nuclear_channel, options.cell_channel]
    for key, name in zip(("nuclear_channel", "cell_channel"), names):
        if name not in channels:
            raise InputError(f"{key}: the crops have no channel {name!r}; they have {', '.join(channels)}")
    nuclear, cellular = (crop[channels.index(name)] for name in names)
    return nuclear, cellular
