"""The sample decoded, converted and judged as the crops stage does it, timed."""

import shutil
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from cwamsn.crops import ChannelMap, CropOptions, FieldReader, channel_sources, judge_field
from cwamsn.crops.codec import encode
from cwamsn.crops.corrections import Corrections, corrections_of
from cwamsn.errors import FetchError, InputError
from cwamsn.live import Pace
from cwamsn.paths import ScreenPaths
from cwamsn.screen_specs import ScreenSpec
from cwamsn.screen_specs.base import Retry
from cwamsn.screen_specs.image_options import illumination_name
from cwamsn.screen_specs.locations import Remote, local_path
from cwamsn.screens import PlaneReader
from cwamsn.screens.hosts import Fetched, HostedZip, Missing, fetch, forget
from cwamsn.screens.planes import split_uri
from cwamsn.screens.sources.zarr_stores.one_image import bring_plane, in_store

_COMPRESSED = 16  # fields of which the crops are compressed, for the size of the store
_PATIENCE = 3  # fields that a host may fail to send before it is asked for no more
_ESTIMATED = 24  # fields from which an illumination function is estimated
_THUMB = 200  # pixels of the longer side of a picture
_ALIKE = 0.995  # correlation from which on two channels count as one picture
_SIDE = 64  # rows and columns of pixels that are compared, spread over the picture


@dataclass
class Decoded:
    """What the sample's pixels show."""

    qc: pd.DataFrame
    """As the QC table of the crops stage, with `height`, `width` and `alike` (channels that are one picture)."""
    seconds: float
    """Processor time per field."""
    stored_share: float
    """Bytes of the crop store per pixel and channel."""
    fetched_bytes: int
    """Of remote images of the sample."""
    thumbs: list[tuple[str, np.ndarray]] = field(default_factory=list)
    """Channel and reduced 8-bit picture of the first field that is kept."""
    shown: str = ""
    """Which field that is."""


@dataclass(frozen=True, kw_only=True)
class How:
    """How fields are decoded."""

    crops: CropOptions
    channel_map: str | None = None
    channel_maps: Mapping[str, ChannelMap] = field(default_factory=dict)
    jobs: int = 1
    cache: Path
    retry: Retry = field(default_factory=Retry)
    spec: ScreenSpec
    """The screen; its key `images` says what is done to a plane's pixels."""
    screen: ScreenPaths
    """The check's own folder of the screen."""
    listed: pd.DataFrame
    """Every field of the screen that can be read."""
    empty_chunks: str = "refuse"
    """What a chunk means that a Zarr store lacks, that key of the screen."""


def decode(fields: pd.DataFrame, how: How) -> Decoded:
    """Decode, convert and judge each of `fields`; remote images are fetched, and forgotten when they are decoded.

    Parameters
    ----------
    fields : rows of the fields table with `plate` and `unit`.
    how : as the crops stage would do it.

    Raises
    ------
    InputError
        Where no field can be converted at all: a stain or channel map that is not known, a plate without a range.
    """
    stains = [c.removeprefix("uri_") for c in fields.columns if c.startswith("uri_")]
    sources, combine = channel_sources(
        how.crops.channels, how.channel_map, how.channel_maps, stains, "the screen's images"
    )
    used = list(dict.fromkeys(stain for of_channel in sources for stain in of_channel))
    fixed = {unit: _corrections(how, used, unit) for unit in fields["unit"].unique()}
    work = _Work(
        how, used, lambda planes, unit: FieldReader(sources, combine, planes, how.crops, fixed[unit]()), len(fields)
    )
    records = fields.to_dict("records")
    with ThreadPoolExecutor(how.jobs) as pool:
        rows = list(pool.map(work, range(len(records)), records))
    work.close()
    return Decoded(
        qc=pd.DataFrame(rows),
        seconds=float(np.mean(work.seconds)),
        stored_share=float(np.mean(work.stored)) if work.stored else 0.5,
        fetched_bytes=work.bytes,
        thumbs=work.thumbs,
        shown=work.shown,
    )


class _Work:
    """One field at a time, in any thread; each thread keeps its own reader, whose arrays are used again."""

    def __init__(
        self, how: How, stains: list[str], reader: Callable[[PlaneReader, str], FieldReader], total: int
    ) -> None:
        self.how, self.stains, self.reader = how, stains, reader
        self.local, self.lock, self.readers = threading.local(), threading.Lock(), list[PlaneReader]()
        self.pace, self.done, self.bytes = Pace(total, unit="field"), 0, 0
        self.silent: list[FetchError] = []
        self.seconds: list[float] = []
        self.stored: list[float] = []
        self.thumbs: list[tuple[str, np.ndarray]] = []
        self.shown = ""

    def __call__(self, number: int, record: Mapping[str, object]) -> dict[str, object]:
        start = time.thread_time()
        row: dict[str, object] = {key: record[key] for key in ("field_id", "well_id", "plate", "site")}
        row |= {"status": "kept", "reason": None, "warning": None, "alike": None}
        got: list[Fetched] = []
        try:
            record, got = self._bring(record)
            crop, _, found = judge_field(self._reader(str(record["unit"])), record, self.how.crops)
        except InputError as error:
            crop, found = None, {"reason": str(error)}
        row |= found
        row["status"] = "kept" if row["reason"] is None else "skipped"
        seconds, stored = time.thread_time() - start, None
        if crop is not None:
            row |= {"height": crop.shape[1], "width": crop.shape[2], "alike": alike(crop, self.how.crops.channels)}
            if number < _COMPRESSED:
                stored = len(encode(crop, self.how.crops.codec)) / crop.size
        with self.lock:
            self.seconds.append(seconds)
            self.stored += [] if stored is None else [stored]
            self._count(crop, row, got)
        for fetched in got:
            forget(fetched, self.how.cache)
        return row

    def _bring(self, record: Mapping[str, object]) -> tuple[Mapping[str, object], list[Fetched]]:
        """:func:`_fetched`; a host that has not answered for some fields is not asked for the others."""
        if len(self.silent) >= _PATIENCE:
            raise self.silent[0]
        try:
            return _fetched(record, self.stains, self.how)
        except Missing:
            raise
        except FetchError as error:
            if not self.bytes:
                self.silent.append(error)
            raise

    def _reader(self, unit: str) -> FieldReader:
        """The thread's reader of a unit, whose planes are corrected as the screen says."""
        known: dict[str, FieldReader] = vars(self.local).setdefault("of_unit", {})
        if unit not in known:
            planes = PlaneReader(self.how.spec.image_options())
            self.readers.append(planes)
            known[unit] = self.reader(planes, unit)
        return known[unit]

    def _count(self, crop: np.ndarray | None, row: Mapping[str, object], got: list[Fetched]) -> None:
        self.done += 1
        self.bytes += sum(fetched.size for fetched in got)
        self.pace(self.done, len(self.stains))
        if crop is not None and not self.thumbs and row["status"] == "kept":
            step = max(1, max(crop.shape[1:]) // _THUMB)
            self.thumbs = [(c, plane[::step, ::step].copy()) for c, plane in zip(self.how.crops.channels, crop)]
            self.shown = str(row["field_id"])

    def close(self) -> None:
        for planes in self.readers:
            planes.close()


def _corrections(how: How, stains: list[str], unit: str) -> Callable[[], Corrections | None]:
    """What is done to the planes of a unit, one for each thread, since it counts.

    An illumination function that the run estimates from a whole plate is estimated from some of its fields; for images
    on a host, which are fetched one field at a time, it is left out.
    """
    spec, paths = how.spec, how.screen.unit(unit)
    images = spec.image_options()
    for stain, place in images.illumination_of(spec.barcode(unit)).items():
        if local_path(place) is None and stain in stains:
            paths.raw.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(fetch(Remote(place), how.cache, how.retry).path, paths.raw / illumination_name(stain))
    rows = how.listed[how.listed["unit"] == unit]
    records = rows.iloc[:: max(1, len(rows) // _ESTIMATED)].to_dict("records")
    local = all(local_path(split_uri(str(records[0][f"uri_{stain}"])).path) is not None for stain in stains)

    def make() -> Corrections | None:
        made = corrections_of(images, how.crops, stains, paths, spec.barcode(unit))
        if made is not None and local:
            with PlaneReader(images) as planes:
                made.estimate(records, stains, planes)
        return made

    return make


def alike(crop: np.ndarray, channels: list[str]) -> str | None:
    """Pairs of channels of a (C, H, W) crop whose pictures are one: `ER and RNA .998`; None if there is none.

    Pearson correlation of some 4,000 pixels. Two stains of one cell correlate by .5 to .95; an image that was
    saved twice, rescaled or compressed, by more than .995.
    """
    step = max(1, min(crop.shape[1:]) // _SIDE)
    pixels = crop[:, ::step, ::step].reshape(len(crop), -1).astype(np.float64)
    pixels -= pixels.mean(axis=1, keepdims=True)
    norm = np.sqrt(np.vecdot(pixels, pixels))
    if not (norm > 0).all() or pixels.shape[1] < 2:
        return None
    pixels /= norm[:, None]
    found = []
    for i in range(len(crop)):
        for j in range(i + 1, len(crop)):
            r = float(np.vecdot(pixels[i], pixels[j]))
            if r > _ALIKE and not np.array_equal(crop[i], crop[j]):
                found.append(f"{channels[i]} and {channels[j]} ({r:.4f})")
    return ", ".join(found) or None


def _fetched(record: Mapping[str, object], stains: list[str], how: How) -> tuple[Mapping[str, object], list[Fetched]]:
    """A row of the fields table with URIs of this machine, and what was fetched for it."""
    local, got = dict(record), []
    for stain in stains:
        uri = str(record[f"uri_{stain}"])
        path, kind, member, *_ = split_uri(uri)
        if local_path(path) is not None:
            continue
        if kind == "zip":
            fetched, _ = HostedZip(path, how.cache, how.retry).keep([member])
            local[f"uri_{stain}"] = f"{fetched.path}!{member}"
        elif in_store(uri):
            local[f"uri_{stain}"], files = bring_plane(uri, how.cache, how.retry, how.empty_chunks)
            got += files
            continue
        else:
            fetched = fetch(Remote(path), how.cache, how.retry)
            local[f"uri_{stain}"] = str(fetched.path) + uri[len(path) :]
        got.append(fetched)
    return local, got
