"""Images of the evaluation screen through an encoder: one vector per well."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NotRequired, TypedDict

import numpy as np
import pandas as pd
import torch

from cwamsn.crops import CropStore
from cwamsn.embeddings.encoder import EncoderMeta
from cwamsn.embeddings.files import features_frame
from cwamsn.embeddings.options import EmbedOptions
from cwamsn.embeddings.views import views
from cwamsn.errors import InputError
from cwamsn.live import Pace
from cwamsn.models import autocast, device_name, resolve_attention, resolve_precision, set_attention


class Statistics(TypedDict):
    """What images are normalised with, one number per channel in 0-255 units, and the channels' names."""

    mean: list[float]
    std: list[float]
    channels: NotRequired[list[str]]


@dataclass(frozen=True)
class Arithmetic:
    """How an encoder computes: its precision, its attention kernel and the name of its device."""

    precision: str
    attention: str
    device: str


def arithmetic(device: torch.device, precision: str) -> Arithmetic:
    """The arithmetic that :func:`embed` uses on `device` for the option `precision`."""
    precision = resolve_precision(precision, device)
    return Arithmetic(precision, resolve_attention("auto", device, precision), device_name(device))


@torch.no_grad()
def embed(
    encoder: torch.nn.Module,
    meta: EncoderMeta,
    store: CropStore,
    statistics: Statistics,
    options: EmbedOptions,
    device: torch.device | None = None,
) -> pd.DataFrame:
    """Embed every crop of `store` and average the crops of each well.

    Parameters
    ----------
    encoder : (B, C, s, s) → (B, D), as :func:`cwamsn.embeddings.encoder.load_encoder` returns it
    meta : its description, returned with it; `in_channels`, `view_size` and `channels` are used
    statistics : of this screen itself, since another screen's stains and 8-bit scaling differ
    options : section `embedding`; its `device` and `gpus` are the caller's concern
    device : where to compute; None: the CPU

    Returns
    -------
    Embeddings (contract `embeddings`), sorted by well_id. The crops of a well are summed in float64 in the order of
    their ids, so that the batch size changes only the rounding inside the encoder.

    Raises
    ------
    InputError
        When the channels of encoder, crops and statistics disagree, or a feature is not finite.
    """
    if not len(store.frame):
        raise InputError("crops: the evaluation screen has no crop; see its qc.parquet for the reasons")
    channels = store.load_batch([0]).shape[1]
    _check_channels(meta, statistics, channels)
    mean, std = (
        torch.tensor(s, dtype=torch.float32).view(1, -1, 1, 1) for s in (statistics["mean"], statistics["std"])
    )
    device = device or torch.device("cpu")
    how = arithmetic(device, options.precision)
    size = options.view_size or meta["view_size"]
    encoder = encoder.to(device).eval()
    set_attention(encoder, how.attention)
    print(f"precision {how.precision}, attention {how.attention}, on {how.device}", flush=True)
    names, codes = np.unique(store.frame["well_id"].to_numpy(dtype=str), return_inverse=True)
    sums, counts = np.zeros((len(names), 0)), np.bincount(codes)
    batches = list(_batches(store.frame, options.batch_size))
    pace = Pace(len(batches), unit="batch")
    for number, rows in enumerate(batches, start=1):
        images = torch.from_numpy(store.load_batch(rows))
        seen = views(images, store.frame["crop_id"].iloc[rows].tolist(), size, options)
        inputs = ((seen.flatten(0, 1) - mean) / std).to(device)
        with autocast(device, how.precision):
            features = encoder(inputs)
        features = features.double().cpu().unflatten(0, seen.shape[:2]).mean(1).numpy()
        bad = ~np.isfinite(features).all(axis=1)
        if bad.any():
            crop = store.frame["crop_id"].iloc[rows[int(bad.argmax())]]
            raise InputError(f"crop {crop}: the encoder returns NaN; check its training log and embedding.precision")
        if not sums.size:
            sums = np.zeros((len(names), features.shape[1]))
        np.add.at(sums, codes[rows], features)
        pace(number, len(rows))
    return features_frame(names, (sums / counts[:, None]).astype(np.float32))


def _batches(frame: pd.DataFrame, size: int) -> Iterator[np.ndarray]:
    """Indices of at most `size` crops of one height and width, in the order of crop_id."""
    order = np.argsort(frame["crop_id"].to_numpy(dtype=str), kind="stable")
    shapes = frame[["height", "width"]].to_numpy()[order]
    for shape in np.unique(shapes, axis=0):
        rows = order[(shapes == shape).all(axis=1)]
        yield from (rows[start : start + size] for start in range(0, len(rows), size))


def _check_channels(meta: EncoderMeta, statistics: Statistics, channels: int) -> None:
    if meta["in_channels"] != channels:
        raise InputError(
            f"encoder: trained on {meta['in_channels']} channels, the evaluation screen's crops have {channels}; "
            "give both screens the same channels"
        )
    ours, theirs = statistics.get("channels"), meta.get("channels")
    if ours and theirs and list(ours) != list(theirs):
        raise InputError(
            f"encoder: trained on channels {theirs}, the evaluation screen's crops hold {ours}; reorder them"
        )
    if len(statistics["mean"]) != channels or len(statistics["std"]) != channels:
        raise InputError(f"statistics: {len(statistics['mean'])} channels for crops of {channels}; recompute the crops")
    if not min(statistics["std"]) > 0:
        raise InputError("statistics: a channel has no variation (std 0); check the evaluation screen's images")
