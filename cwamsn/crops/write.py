"""One unit of a screen: its fields to a shard of the crop store, index, QC table and channel sums."""

import hashlib
import logging
import threading
from collections import Counter
from collections.abc import Callable, Container, Mapping
from contextlib import ExitStack, closing
from copy import copy
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cwamsn import tables
from cwamsn.crops.cells import CellCounter, counter_of
from cwamsn.crops.channels import channel_sources, combine_planes
from cwamsn.crops.conversion import compress_to_uint8
from cwamsn.crops.corrections import Corrections, corrections_of
from cwamsn.crops.judge import broken_tail, same_planes, suspicions
from cwamsn.crops.options import ChannelMap, CropOptions
from cwamsn.crops.plates import commonest
from cwamsn.crops.qc import Measures, fault, measure
from cwamsn.crops.statistics import channel_sums
from cwamsn.crops.store import SHARD, Packed, ShardWriter
from cwamsn.crops.threads import in_order
from cwamsn.errors import InputError
from cwamsn.files import atomic_directory, progress, write_json
from cwamsn.memory import freed_memory_kept
from cwamsn.notes import note
from cwamsn.paths import ScreenPaths, UnitPaths
from cwamsn.screen_specs.image_options import ImageOptions
from cwamsn.screens import PlaneReader

log = logging.getLogger(__name__)


def write_crops(
    unit: UnitPaths,
    options: CropOptions,
    channel_map: str | None,
    channel_maps: Mapping[str, ChannelMap],
    *,
    images: ImageOptions | None = None,
    threads: int = 1,
) -> None:
    """Convert the fields of one unit, one crop per field.

    Reads the fields and skipped tables of the unit and the wells of its screen; writes `unit.shards`, `unit.index`,
    `unit.qc` and `unit.statistics`. A field that cannot be used (unreadable plane, planes of different sizes, a size
    other than the unit's, no wells entry, two stains with the same pixels, a plane that breaks off, a failed QC
    threshold, a repetition of an earlier field) is listed in the QC table with its reason, what looks suspicious in its
    column `warning`.

    Parameters
    ----------
    unit : paths of the plate or shard.
    options : the section `crops`.
    channel_map : name of an entry of `channel_maps`, None where stains and channels have equal names.
    channel_maps : the section of that name.
    images : what the image files hold, the key `images` of the screen.
    threads : that read and judge fields; what is written does not depend on it.

    Raises
    ------
    InputError
        For what makes every field wrong: an unknown stain or channel map, a plate without a range, an illumination
        function that cannot be read.
    """
    fields = tables.read("fields", unit.fields)
    wells = tables.read("wells", ScreenPaths(unit.root).wells)
    barcode = barcode_of(wells, unit.name)
    wells = wells[wells["well_id"].isin(fields["well_id"])].set_index("well_id").to_dict("index")
    channels, rows = list(options.channels), _skipped_rows(unit.skipped)
    stains = [c.removeprefix("uri_") for c in fields.columns if c.startswith("uri_")]
    sources, combine = channel_sources(channels, channel_map, channel_maps, stains, str(unit.fields))
    used = list(dict.fromkeys(stain for source in sources for stain in source))
    corrections = corrections_of(images or ImageOptions(), options, used, unit, barcode)

    kept: list[tuple[dict, Measures]] = []
    first_with: dict[tuple, str] = {}
    records = fields.to_dict("records")
    with (
        freed_memory_kept(),
        atomic_directory(unit.shards) as temporary,
        ShardWriter(temporary / SHARD, channels, options.codec) as writer,
        ExitStack() as opened,
    ):
        if corrections is not None:
            with PlaneReader(images) as planes:
                corrections.estimate(records, used, planes)

        def new_reader() -> FieldReader:
            planes = opened.enter_context(PlaneReader(images))
            return FieldReader(sources, combine, planes, options, copy(corrections))

        own = [record for record in records if record["well_id"] in wells]
        counter = counter_of(options, unit.name, own, new_reader) if options.cells.count else None
        judge = _Judge(new_reader, wells, options, pack=threads > 1, counter=counter)
        with closing(in_order(judge, records, threads)) as judged:
            shown = progress(records, f"crops {unit.name}", unit="field")
            for field, (crop, measures, found) in zip(shown, judged, strict=True):
                well = wells.get(field["well_id"])
                row = {
                    "field_id": field["field_id"],
                    "well_id": field["well_id"],
                    "plate": unit.name if well is None else well["plate"],
                    "site": field["site"],
                    "status": "skipped",
                    "reason": "its well is not in the wells table",
                }
                rows.append(row)
                if well is None:
                    continue
                row |= found
                if crop is None or measures is None or row["reason"]:
                    continue
                first = first_with.setdefault(measures.digest, field["field_id"])
                if options.qc.skip_duplicates and first != field["field_id"]:
                    row["reason"] = f"repeats the pixels of field {first}"
                    continue
                row |= {"status": "kept", "reason": None}
                shard_row = writer.add(field["field_id"], crop)
                kept.append(
                    (_index_row(row, well, crop.shape, measures, f"crops/{unit.name}/{SHARD}", shard_row), measures)
                )

    kept = _of_one_size(kept, {r["field_id"]: r for r in rows})
    tables.write(pd.DataFrame([r for r, _ in kept], columns=_columns("crops")), "crops", unit.index)
    measured = [f"{name}_{c}" for name in ("focus", "saturation", "mean") for c in channels]
    optional = [c for c in tables.CONTRACTS["qc"].optional if c != "cell_count" or options.cells.count]
    qc = pd.DataFrame(rows, columns=[*_columns("qc"), *optional, *measured])
    tables.write(qc, "qc", unit.qc)
    write_json({"part": unit.name, **channel_sums(kept, channels)}, unit.statistics)
    _report(unit.name, qc)


class _Judge:
    """:func:`judge_field` with a reader for each thread that calls it.

    Parameters
    ----------
    new_reader : makes one.
    wells : by their ids; of other wells no field is read.
    options : the section `crops`.
    pack : compress the crop too: another one is read while it waits to be written.
    counter : counts the cells of fields that are not left out.
    """

    def __init__(
        self,
        new_reader: Callable[[], "FieldReader"],
        wells: Container[object],
        options: CropOptions,
        *,
        pack: bool,
        counter: CellCounter | None,
    ) -> None:
        self._new_reader, self._wells, self._options, self._pack = new_reader, wells, options, pack
        self._counter, self._own = counter, threading.local()

    def __call__(self, field: Mapping[str, Any]) -> tuple[np.ndarray | Packed | None, Measures | None, dict]:
        if field["well_id"] not in self._wells:
            return None, None, {}
        if not hasattr(self._own, "reader"):
            self._own.reader = self._new_reader()
        crop, measures, row = judge_field(self._own.reader, field, self._options)
        if self._counter is not None and crop is not None and row["reason"] is None:
            row["cell_count"] = float(self._counter(crop))
        if not self._pack or crop is None:
            return crop, measures, row
        return None if row["reason"] else Packed.of(crop, self._options.codec), measures, row


def judge_field(
    reader: "FieldReader", field: Mapping[str, Any], options: CropOptions
) -> tuple[np.ndarray | None, Measures | None, dict[str, object]]:
    """Read a field and judge it by itself.

    Parameters
    ----------
    reader : reads its planes.
    field : its row of the fields table.
    options : the section `crops`.

    Returns
    -------
    crop : (C, H, W) uint8, valid until the next field is read; None where a plane cannot be read.
    measures : of the crop, None without one.
    row : columns of the QC table: `reason` why the field is left out (None if it is not), and what is known of it.
    """
    channels = options.channels
    try:
        crop, raw = reader.read(field)
    except InputError as error:
        return None, None, {"reason": str(error)}
    measures = measure(crop)
    row: dict[str, object] = {
        "warning": "; ".join([*reader.warnings(), *suspicions(raw, crop, channels, options.convert_uint8)]) or None,
        "bits": None if options.convert_uint8 else _bits(raw),
    }
    for name in ("focus", "saturation", "mean"):
        row |= {f"{name}_{c}": float(v) for c, v in zip(channels, getattr(measures, name))}
    row["reason"] = (
        _size_fault(crop, options.size)
        or fault(measures, channels, options.qc)
        or same_planes(raw)
        or broken_tail(raw, options.qc.max_blank_tail)
    )
    if row["reason"] is None:
        row["pixels"] = _digest(measures)
    return crop, measures, row


class FieldReader:
    """Reads every field into the same array, since fresh memory costs as much as converting a plane."""

    def __init__(
        self,
        sources: list[list[str]],
        combine: str,
        planes: PlaneReader,
        options: CropOptions,
        corrections: Corrections | None = None,
    ) -> None:
        self.sources, self.combine, self.planes, self.corrections = sources, combine, planes, corrections
        self.convert = partial(
            compress_to_uint8,
            convert_uint8=options.convert_uint8,
            saturated_share=options.saturated_share,
            black_level=options.black_level,
        )
        self._crop = np.empty((len(sources), 0, 0), np.uint8)

    def read(self, field: Mapping[str, Any]) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """(C, H, W) uint8, valid until the next call, and the planes by stain. Raises InputError naming a bad plane.

        The planes are those of the files under the declared range; an illumination function is divided out of the crop
        alone, since a broken or repeated image is told by equal pixels.
        """
        planes: dict[str, np.ndarray] = {}
        if self.corrections is not None:
            self.corrections.begin()
        named: dict[str, str] = {}
        for stain in dict.fromkeys(stain for stains in self.sources for stain in stains):
            uri = field[f"uri_{stain}"]
            if pd.isna(uri):
                raise InputError(f"plane {stain} is missing")
            if (other := named.setdefault(uri, stain)) != stain:
                raise InputError(f"{uri}: named for {other} and {stain}; correct the columns of one of them")
            planes[stain] = self._plane(stain, uri)
            shape, expected = planes[stain].shape, next(iter(planes.values())).shape
            if shape != expected:
                raise InputError(f"{uri}: {_text(shape)} pixels, other planes of the field have {_text(expected)}")
        if self._crop.shape[1:] != shape:
            self._crop = np.empty((len(self.sources), *shape), np.uint8)
        lit = planes
        if self.corrections is not None:
            lit = {stain: self.corrections.lit(stain, plane, field[f"uri_{stain}"]) for stain, plane in planes.items()}
        for stains, out in zip(self.sources, self._crop):
            if len(stains) == 1:
                self.convert(lit[stains[0]], out=out)
            else:
                out[...] = combine_planes([self.convert(lit[s]) for s in stains], self.combine)
        return self._crop, planes

    def _plane(self, stain: str, uri: str) -> np.ndarray:
        plane = self.planes.read(uri)
        return plane if self.corrections is None else self.corrections.ranged(stain, plane, uri)

    def warnings(self) -> list[str]:
        """What the corrections of the last field say, each `kind: details`."""
        found = self.corrections.warning() if self.corrections is not None else None
        return [] if found is None else [found]


def barcode_of(wells: pd.DataFrame, plate: str) -> str:
    """What the user calls a plate, by the name of its files. wells: the wells table."""
    if "barcode" not in wells:
        return plate
    found = wells.loc[wells["plate"] == plate, "barcode"].dropna()
    return str(found.iloc[0]) if len(found) else plate


def _bits(planes: Mapping[str, np.ndarray]) -> str:
    """Bits of the stored pixels: `8`, `16` or `16, 8`."""
    return ", ".join(sorted({str(8 * plane.dtype.itemsize) for plane in planes.values()}))


def _digest(measures: Measures) -> str | None:
    """Text that is equal only for equal crops; None for constant ones, which are alike without being copies."""
    if not measures.std.any():
        return None
    return hashlib.blake2b(repr(measures.digest).encode(), digest_size=8).hexdigest()


def _index_row(
    row: Mapping[str, Any],
    well: Mapping[str, Any],
    shape: tuple[int, ...],
    measures: Measures,
    shard: str,
    shard_row: int,
) -> dict[str, object]:
    return {
        **{key: row[key] for key in ("field_id", "well_id", "plate")},
        "crop_id": row["field_id"],
        "shard": shard,
        "shard_row": shard_row,
        "y": 0,
        "x": 0,
        "height": shape[1],
        "width": shape[2],
        "saturation": float(measures.saturation.max()),
        "focus": float(measures.focus.min()),
        "perturbation": well["perturbation"],
        "split": well["split"],
    }


def _of_one_size(kept: list[tuple[dict, Measures]], qc: Mapping[str, dict]) -> list[tuple[dict, Measures]]:
    """The crops of the size that most have (ties: the larger); the others become skipped rows of `qc`.

    A training batch holds one size. It is decided at the end of a unit, so that one odd field at its start does not
    make all others odd; the rows of the odd ones stay in the shard, unreferenced.
    """
    counts = Counter((r["height"], r["width"]) for r, _ in kept)
    if len(counts) < 2:
        return kept
    usual = max(counts, key=lambda size: (counts[size], size))
    for row, _ in kept:
        size = (row["height"], row["width"])
        if size != usual:
            reason = f"{_text(size)} pixels, the unit's other fields have {_text(usual)}"
            qc[row["field_id"]].update(status="skipped", reason=reason)
    return [(r, m) for r, m in kept if (r["height"], r["width"]) == usual]


def _skipped_rows(path: str | Path) -> list[dict]:
    """QC rows of the fields that the screens stage left out."""
    frame = pd.read_parquet(path)[["field_id", "well_id", "plate", "site", "reason"]]
    return [{**row, "status": "skipped"} for row in frame.to_dict("records")]


def _size_fault(crop: np.ndarray, size: list[int] | None) -> str | None:
    if size is None or crop.shape[1:] == tuple(size):
        return None
    return f"{_text(crop.shape[1:])} pixels, crops.size is {_text(size)}"


def _report(unit: str, qc: pd.DataFrame) -> None:
    skipped = qc[qc["status"] == "skipped"]
    log.info("%s: %d fields kept, %d skipped", unit, len(qc) - len(skipped), len(skipped))
    for row in skipped.itertuples():
        log.info("%s: skipped %s: %s", unit, row.field_id, row.reason)
    if len(skipped) == len(qc):
        why = f" ({commonest(skipped['reason'])})" if len(qc) else ""
        note(f"{unit}: no usable field among {len(qc)}{why}; see the QC table")


def _columns(name: str) -> list[str]:
    contract = tables.CONTRACTS[name]
    return [*contract.required, *contract.nullable]


def _text(size: tuple[int, ...] | list[int]) -> str:
    return " x ".join(map(str, size))
