"""Images of the evaluation screen through an encoder: one vector a well."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import torch

from cwamsn.crops import CropStore
from cwamsn.embeddings.external import features_frame
from cwamsn.embeddings.views import views
from cwamsn.errors import InputError
from cwamsn.live import Pace
from cwamsn.models import autocast, choose_devices, device_name, resolve_attention, resolve_precision, set_attention


def arithmetic(options: dict[str, Any]) -> dict[str, str]:
    """`precision`, `attention` and name of the `device` that :func:`embed` takes for these options."""
    device = torch.device(*choose_devices(options["device"], key="embedding"))
    precision = resolve_precision(options["precision"], device)
    attention = resolve_attention("auto", device, precision)
    return {"precision": precision, "attention": attention, "device": device_name(device)}


@torch.no_grad()
def embed(
    encoder: torch.nn.Module,
    meta: dict[str, Any],
    store: CropStore,
    statistics: dict[str, Any],
    options: dict[str, Any],
) -> pd.DataFrame:
    """Embed every crop of `store` and average the crops of a well.

    Parameters
    ----------
    encoder : (B, C, s, s) → (B, D), as :func:`cwamsn.embeddings.load_encoder` gives it
    meta : what `load_encoder` gives beside it; `in_channels` and `view_size` are used
    statistics : `mean` and `std` a channel in 0-255 units, of this screen itself, since stain and 8-bit scaling of
        another screen differ
    options : the configuration's section `embedding`

    Returns
    -------
    Embeddings (contract `embeddings`), sorted by well_id. Crops of a well are summed in the order of their ids in
    float64, so that the batch size changes nothing but the rounding inside the encoder.

    Raises InputError when the channels of encoder, crops and statistics do not agree, or a feature is not finite.
    """
    if not len(store.frame):
        raise InputError("crops: the evaluation screen has no crop; see its qc.parquet for the reasons")
    channels = store.load_batch([0]).shape[1]
    _check_channels(meta, statistics, channels)
    mean, std = (torch.tensor(statistics[k], dtype=torch.float32).view(1, -1, 1, 1) for k in ("mean", "std"))
    device = torch.device(*choose_devices(options["device"], key="embedding"))
    precision, attention, name = arithmetic(options).values()
    size = options["view_size"] or meta["view_size"]
    encoder = encoder.to(device).eval()
    set_attention(encoder, attention)
    print(f"precision {precision}, attention {attention}, on {name}", flush=True)
    names, codes = np.unique(store.frame["well_id"].to_numpy(dtype=str), return_inverse=True)
    sums, counts = None, np.bincount(codes)
    batches = list(_batches(store.frame, options["batch_size"]))
    pace = Pace(len(batches), unit="batch")
    for number, rows in enumerate(batches, start=1):
        images = torch.from_numpy(store.load_batch(rows))
        seen = views(images, store.frame["crop_id"].iloc[rows].tolist(), size, options)
        inputs = ((seen.flatten(0, 1) - mean) / std).to(device)
        with autocast(device, precision):
            features = encoder(inputs)
        features = features.double().cpu().unflatten(0, seen.shape[:2]).mean(1).numpy()
        bad = ~np.isfinite(features).all(axis=1)
        if bad.any():
            crop = store.frame["crop_id"].iloc[rows[int(bad.argmax())]]
            raise InputError(f"crop {crop}: the encoder gives NaN; check its training log and embedding.precision")
        if sums is None:
            sums = np.zeros((len(names), features.shape[1]))
        np.add.at(sums, codes[rows], features)
        pace(number, len(rows))
    return features_frame(names, (sums / counts[:, None]).astype(np.float32))


def _batches(frame: pd.DataFrame, size: int) -> Iterator[np.ndarray]:
    """Row numbers of crops of one height and width, at most `size` at a time, in the order of crop_id."""
    order = np.argsort(frame["crop_id"].to_numpy(dtype=str), kind="stable")
    shapes = frame[["height", "width"]].to_numpy()[order]
    for shape in np.unique(shapes, axis=0):
        rows = order[(shapes == shape).all(axis=1)]
        yield from (rows[start : start + size] for start in range(0, len(rows), size))


def _check_channels(meta: dict[str, Any], statistics: dict[str, Any], channels: int) -> None:
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
        raise InputError(
            f"statistics: {len(statistics['mean'])} channels for crops of {channels}; make the crops again"
        )
    if not min(statistics["std"]) > 0:
        raise InputError("statistics: a channel has no variation (std 0); check the evaluation screen's images")
