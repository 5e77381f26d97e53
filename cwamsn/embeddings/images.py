"""Images of the evaluation screen through an encoder: one vector per well."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple, NotRequired, TypedDict, cast

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from cwamsn.crops import CropStore
from cwamsn.embeddings.channels import fit_channels, takes_any_channels
from cwamsn.embeddings.encoder import EncoderMeta
from cwamsn.embeddings.files import features_frame
from cwamsn.embeddings.options import EmbedOptions
from cwamsn.embeddings.parts import Parts, fingerprint
from cwamsn.embeddings.pixel_size import resampling, say_resampling, scaled
from cwamsn.embeddings.views import InputViews, count_views, view_boxes
from cwamsn.errors import InputError
from cwamsn.gpus import views_at_once
from cwamsn.live import Pace, say
from cwamsn.loading import Loaded, Request, load_ahead
from cwamsn.memory import freed_memory_kept
from cwamsn.models import (
    RepeatedForward,
    autocast,
    device_name,
    fitting,
    resolve_attention,
    resolve_precision,
    set_attention,
    set_layout,
    share_threads,
)
from cwamsn.training import stop, stop_requests

# batches whose features stay on a GPU before they are copied, the only time at which the processor waits for it
HELD = 32
# options that do not change a feature, or stand for one that `auto` resolves
_INCIDENTAL = ("batch_size", "precision", "device", "gpus", "threads", "loader_threads", "loader_depth", "cuda_graph")


class Statistics(TypedDict):
    """What images are normalised with, one number per channel in 0-255 units, and the channels' names."""

    mean: list[float]
    std: list[float]
    channels: NotRequired[list[str]]
    microns_per_pixel: NotRequired[float]


@dataclass(frozen=True)
class Arithmetic:
    """How an encoder computes: its precision, its attention kernel and the name of its device."""

    precision: str
    attention: str
    device: str


class Batch(NamedTuple):
    """Crops of one size that are embedded together."""

    rows: np.ndarray
    """Their positions in the crops table."""
    shape: tuple[int, int]
    """Height and width, pixels."""


def arithmetic(device: torch.device, precision: str) -> Arithmetic:
    """The arithmetic that :func:`embed` uses on `device` for the option `precision`."""
    precision = resolve_precision(precision, device)
    return Arithmetic(precision, resolve_attention("auto", device, precision), device_name(device))


@torch.no_grad()
def embed(
    encoder: nn.Module,
    meta: EncoderMeta,
    store: CropStore,
    statistics: Statistics,
    options: EmbedOptions | None = None,
    device: torch.device | str | None = None,
    *,
    parts: Path | None = None,
) -> pd.DataFrame:
    """Embed every crop of `store` and average the crops of each well.

    Parameters
    ----------
    encoder : (B, C, s, s) → (B, D), as :func:`cwamsn.embeddings.encoder.load_encoder` returns it
    meta : its description, returned with it; `in_channels`, `view_size` and `channels` are used
    statistics : of this screen itself, since another screen's stains and 8-bit scaling differ. Where it names the
        channels, they may be in another order than the encoder's. Where it has `microns_per_pixel`, and `meta` that of
        the encoder's training, views are cut so much larger or smaller that the encoder sees µm as in its training
    options : section `embedding`, by default its defaults; its `device`, `gpus` and `threads` are the caller's concern
    device : where to compute; None: the CPU
    parts : folder in which features are kept while this runs, in a new file about once a minute. The same call after a
        kill goes on from there, with the same result. SIGTERM, Ctrl-C and a closed terminal are obeyed once the latest
        features are written. Whoever has saved the result removes the folder

    Returns
    -------
    Embeddings (contract `embeddings`), sorted by well_id. The crops of a well are summed in float64 in the order of
    their ids, so that the batch size changes only the rounding inside the encoder.

    Raises
    ------
    InputError
        When the channels of encoder, crops and statistics disagree, an image is smaller than its views, a feature is
        not finite, or a batch does not fit into the GPU's memory.
    """
    if not len(store.frame):
        raise InputError("crops: the evaluation screen has no crop; see its qc.parquet for the reasons")
    options, device = options or EmbedOptions(), torch.device(device or "cpu")
    ours = statistics.get("channels") or (list(store.channels) if takes_any_channels(encoder) else None)
    if ours:
        encoder, meta, _ = fit_channels(encoder, meta, ours)
    _check_channels(meta, statistics, store.load_batch([0]).shape[1])
    pixels = resampling(meta, statistics)
    how = arithmetic(device, options.precision)
    size, most = options.view_size or meta["view_size"], views_at_once(options.batch_size, device.type != "cpu")
    side, cut = scaled(size, options, pixels)
    say_resampling(pixels, options, meta, store.frame[["height", "width"]].iloc[0].tolist())
    batches = plan_batches(store.frame, side, most, cut)
    saved = None
    if parts is not None:
        settings = _settings(cut, statistics, how) | {"device": device.type, "size": size, "batch_size": most}
        saved = Parts(parts, fingerprint(encoder, store.frame, settings))
    encoder = encoder.to(device).eval()
    set_attention(encoder, how.attention)
    set_layout(encoder, device)
    print(f"precision {how.precision}, attention {how.attention}, on {how.device}", flush=True)

    done = saved.done if saved else set()
    if done:
        say(f"resumed after {len(done)} of {len(batches)} batches")
    wells, pace = _Wells(store.frame), Pace(len(batches), len(done), unit="batch")
    keep = saved.add if saved else lambda number, features: wells.add(batches[number].rows, features)
    crop_ids = store.frame["crop_id"].to_numpy(dtype=str)
    todo = [number for number in range(len(batches)) if number not in done]
    requests = _requests(batches, todo, crop_ids, side, cut)
    threads = share_threads(device, options.threads, options.loader_threads).loader
    views = InputViews(statistics["mean"], statistics["std"], size, device, antialias=options.antialias)
    with (
        freed_memory_kept(),
        fitting("embedding.batch_size", most, device),
        stop_requests() if saved else nullcontext(lambda: None) as requested,
        closing(load_ahead(store, requests, device, threads=threads, depth=options.loader_depth)) as loaded,
    ):
        network = _network(encoder, how.precision, device, options.cuda_graph)
        encoded = (_encode(network, views, most, batch) for batch in loaded)
        for found in _on_host(encoded, 1 if device.type == "cpu" else HELD, requested):
            for number, features in found:
                _check_finite(features, crop_ids[batches[number].rows])
                keep(number, features)
                done.add(number)
            pace(len(done), sum(len(features) for _, features in found))
            if saved and (signalled := requested()):
                saved.write()
                say(f"stopped after {len(done)} of {len(batches)} batches; the same command goes on from there")
                stop(signalled)
    if saved:
        saved.write()
        for numbers, features in saved.read():
            wells.add(np.concatenate([batches[number].rows for number in numbers]), features)
    return wells.means()


def plan_batches(frame: pd.DataFrame, size: int, most: int, options: EmbedOptions) -> list[Batch]:
    """Crops that are embedded together, in the order of crop_id for each height and width.

    A batch is as many crops as have `most` views together, or one; the encoder sees a crop of more views in pieces.
    """
    crop_ids = frame["crop_id"].to_numpy(dtype=str)
    order = np.argsort(crop_ids, kind="stable")
    shapes = frame[["height", "width"]].to_numpy()[order]
    found = []
    for height, width in np.unique(shapes, axis=0).tolist():
        rows = order[(shapes == (height, width)).all(axis=1)]
        count = max(1, most // count_views((height, width), size, options, crop_ids[rows[0]]))
        found += [Batch(rows[start : start + count], (height, width)) for start in range(0, len(rows), count)]
    return found


def _requests(
    batches: list[Batch], todo: list[int], crop_ids: np.ndarray, size: int, options: EmbedOptions
) -> Iterator[Request]:
    for number in todo:
        rows, shape = batches[number]
        yield Request(rows, {"boxes": view_boxes(shape, crop_ids[rows].tolist(), size, options)}, number)


def _network(encoder: nn.Module, precision: str, device: torch.device, graph: bool) -> Callable[[Tensor], Tensor]:
    """Views (N, C, s, s) to features (N, D) in a precision; on a GPU as one CUDA graph if `graph`."""

    def forward(views: Tensor) -> Tensor:
        with autocast(device, precision):
            features: Tensor = encoder(views)
        return features

    return RepeatedForward(forward, "embedding.cuda_graph") if graph and device.type == "cuda" else forward


def _encode(network: Callable[[Tensor], Tensor], views: InputViews, most: int, batch: Loaded) -> tuple[int, Tensor]:
    """Number of a batch and its features (crops, D), mean over views, float64, on the device."""
    features = []
    for piece in views.pieces(batch.images, batch.small["boxes"], most):
        features.append(network(piece).double())
    number = cast(int, batch.note)
    return number, torch.cat(features).unflatten(0, (-1, len(batch.images))).mean(0)


def _on_host(
    batches: Iterable[tuple[int, Tensor]], most: int, now: Callable[[], object]
) -> Iterator[list[tuple[int, np.ndarray]]]:
    """The same batches in memory, `most` at a time or, if `now`, those that there are; one copy for all of them."""
    held: list[tuple[int, Tensor]] = []
    for batch in batches:
        held.append(batch)
        if len(held) == most or now():
            yield _copied(held)
            held = []
    if held:
        yield _copied(held)


def _copied(held: list[tuple[int, Tensor]]) -> list[tuple[int, np.ndarray]]:
    numbers, features = zip(*held)
    parts = torch.cat(features).cpu().split([len(x) for x in features])
    return [(number, part.numpy()) for number, part in zip(numbers, parts)]


def _settings(options: EmbedOptions, statistics: Statistics, how: Arithmetic) -> dict[str, object]:
    """What changes a feature besides encoder and crops."""
    kept = {key: value for key, value in asdict(options).items() if key not in _INCIDENTAL}
    return kept | {"statistics": dict(statistics), "precision": how.precision, "attention": how.attention}


class _Wells:
    """Sums of features over the crops of each well."""

    def __init__(self, crops: pd.DataFrame):
        self.names, self.codes = np.unique(crops["well_id"].to_numpy(dtype=str), return_inverse=True)
        self.sums = np.zeros((len(self.names), 0))

    def add(self, rows: np.ndarray, features: np.ndarray) -> None:
        if not self.sums.size:
            self.sums = np.zeros((len(self.names), features.shape[1]))
        np.add.at(self.sums, self.codes[rows], features)

    def means(self) -> pd.DataFrame:
        counts = np.bincount(self.codes)[:, None]
        return features_frame(self.names, (self.sums / counts).astype(np.float32))


def _check_finite(features: np.ndarray, crop_ids: np.ndarray) -> None:
    bad = ~np.isfinite(features).all(axis=1)
    if bad.any():
        crop = crop_ids[int(bad.argmax())]
        raise InputError(f"crop {crop}: the encoder returns NaN; check its training log and embedding.precision")


def _check_channels(meta: EncoderMeta, statistics: Statistics, channels: int) -> None:
    for name, given, keys in (
        ("meta", meta, ("in_channels", "view_size")),
        ("statistics", statistics, ("mean", "std")),
    ):
        if missing := [key for key in keys if key not in given]:
            raise InputError(f"{name}: lacks {' and '.join(missing)}; give what load_encoder and statistics.json hold")
    if meta["in_channels"] != channels:
        raise InputError(
            f"encoder: trained on {meta['in_channels']} channels, the evaluation screen's crops have {channels}; "
            "give both screens the same channels"
        )
    if len(statistics["mean"]) != channels or len(statistics["std"]) != channels:
        raise InputError(f"statistics: {len(statistics['mean'])} channels for crops of {channels}; recompute the crops")
    if not min(statistics["std"]) > 0:
        raise InputError("statistics: a channel has no variation (std 0); check the evaluation screen's images")
