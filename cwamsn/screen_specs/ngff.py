"""Metadata of Zarr stores and OME-Zarr (NGFF) plates, from their JSON alone: NGFF to 0.4 in Zarr 2, 0.5 in Zarr 3.

Nothing here imports zarr, so that the plates of a local store are known while a workflow's graph is built. Pixels are
read in :mod:`cwamsn.screens.planes.zarrs`.
"""

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from cwamsn.errors import InputError

Read = Callable[[str], bytes | None]
"""Content of a file of a store by its path there; None where it is not there."""

GROUPS = ("zarr.json", ".zattrs")
ARRAYS = ("zarr.json", ".zarray")
_ALL_AXES = ("t", "c", "z", "y", "x")
_BY_COUNT = {2: ("y", "x"), 3: ("c", "y", "x"), 5: _ALL_AXES}  # of an array that does not name its axes
_MICRONS = {
    "micrometer": 1.0, "micrometre": 1.0, "micron": 1.0, "µm": 1.0, "um": 1.0, "nanometer": 1e-3, "nanometre": 1e-3,
    "nm": 1e-3, "millimeter": 1e3, "millimetre": 1e3, "mm": 1e3,
}  # fmt: skip
MOST_CHUNKS = 1 << 16  # of one plane; 8,192 x 8,192 pixels in chunks of 64 x 64 have a quarter


@dataclass(frozen=True)
class Plate:
    """What a plate's metadata say: its wells by their path in the store, and its acquisitions."""

    wells: dict[str, str]
    """Path in the store → row and column as written, such as `B03` or `B3`."""
    acquisitions: tuple[int, ...]


@dataclass(frozen=True)
class Image:
    """What an image's metadata say of its first scale."""

    dataset: str
    """Path of the array below the image."""
    axes: tuple[str, ...] | None
    """Names of its axes, None where the array itself must tell."""
    labels: tuple[str, ...] | None
    """Names of the channels (omero), None where there are none."""
    microns_per_pixel: float | None


@dataclass(frozen=True)
class Array:
    """An array: shape, and where its chunks are. A shard counts as a chunk."""

    shape: tuple[int, ...]
    chunks: tuple[int, ...]
    prefix: str
    separator: str
    axes: tuple[str, ...]

    def size(self, axis: str) -> int:
        """Length along an axis, 1 along one that the array lacks."""
        return self.shape[self.axes.index(axis)] if axis in self.axes else 1

    def chunk_files(self, chosen: Mapping[str, Sequence[int]]) -> Iterator[str]:
        """Names of the chunks, below the array, that hold the planes at the `chosen` places of t, c and z."""
        ranges: list[list[int]] = []
        for axis, size, chunk in zip(self.axes, self.shape, self.chunks):
            places = chosen.get(axis)
            ranges.append(
                list(range(math.ceil(size / chunk))) if places is None else sorted({p // chunk for p in places})
            )
        for index in product(*ranges):
            yield self.prefix + self.separator.join(map(str, index))


def read_folder(folder: str | Path) -> Read:
    """Files of a local store."""

    def read(path: str) -> bytes | None:
        try:
            return (Path(folder) / path).read_bytes()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None

    return read


def attributes_of(read: Read, path: str, label: str) -> Mapping[str, Any] | None:
    """Attributes of the group at `path` of a store; None where none is there."""
    for name in GROUPS:
        content = read(_below(path, name))
        if content is not None:
            document = _json(content, _below(label, _below(path, name)))
            return _mapping(document.get("attributes", {})) if name == "zarr.json" else document
    return None


def _json(content: bytes, label: str) -> Mapping[str, Any]:
    try:
        return _mapping(json.loads(content))
    except (ValueError, TypeError) as error:
        raise InputError(f"{label}: not readable metadata ({error}); copy or convert the store again") from None


def _mapping(value: object) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise TypeError("not a JSON object")
    return value


def ome_of(attributes: Mapping[str, Any]) -> Mapping[str, Any]:
    """The NGFF metadata of attributes: below `ome` since version 0.5."""
    inner = attributes.get("ome")
    return inner if isinstance(inner, Mapping) else attributes


def is_plate(attributes: Mapping[str, Any] | None) -> bool:
    """Whether a group is an OME-Zarr plate."""
    return attributes is not None and isinstance(ome_of(attributes).get("plate"), Mapping)


def plate_of(attributes: Mapping[str, Any] | None, label: str) -> Plate:
    """The plate that a group describes. InputError, beginning with `label`, for a group that is none."""
    if attributes is None:
        raise InputError(f"{label}: no Zarr group is there (zarr.json or .zattrs); name an OME-Zarr plate")
    if not is_plate(attributes):
        kind = "an image" if "multiscales" in ome_of(attributes) else "no plate"
        raise InputError(f"{label}: is {kind}, since its metadata have no `plate`; name an OME-Zarr plate (HCS)")
    plate = ome_of(attributes)["plate"]
    wells: dict[str, str] = {}
    try:
        for well in plate["wells"]:
            path = _inner(well["path"], label)
            row, _, column = path.rpartition("/")
            wells[path] = row.rpartition("/")[2] + column
        acquisitions = tuple(int(entry["id"]) for entry in plate.get("acquisitions") or ())
    except InputError:
        raise
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{label}: its plate metadata lack {error}; convert it again") from None
    if not wells:
        raise InputError(f"{label}: the plate has no well; convert it again")
    return Plate(wells, acquisitions)


def fields_of(attributes: Mapping[str, Any] | None, label: str) -> list[tuple[str, int | None]]:
    """(path below the well, acquisition) of each field of a well. InputError for a group that is no well."""
    well = ome_of(attributes or {}).get("well")
    if not isinstance(well, Mapping):
        raise InputError(f"{label}: no well is there (its metadata have no `well`)")
    try:
        return [(_inner(i["path"], label), i.get("acquisition")) for i in well["images"]]
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{label}: its well metadata lack {error}") from None


def image_of(attributes: Mapping[str, Any] | None, label: str) -> Image:
    """The first scale of a multi-scale image. InputError for a group that is none."""
    ome = ome_of(attributes or {})
    scales = ome.get("multiscales")
    if not isinstance(scales, list) or not scales:
        raise InputError(f"{label}: no image is there (its metadata have no `multiscales`)")
    first = scales[0]
    try:
        dataset = _inner(first["datasets"][0]["path"], label)
        axes, units = _axes(first, label)
        scale = _scale(first["datasets"][0], len(axes) if axes else 0)
    except InputError:
        raise
    except (KeyError, TypeError, IndexError, ValueError) as error:
        raise InputError(f"{label}: its multiscales metadata lack {error}") from None
    microns = None
    if axes and scale and "y" in axes and (unit := _MICRONS.get(units[axes.index("y")] or "")):
        microns = scale[axes.index("y")] * unit
    omero = ome.get("omero")
    channels = omero.get("channels") if isinstance(omero, Mapping) else None
    labels = None
    if isinstance(channels, list) and channels and all(isinstance(c, Mapping) and c.get("label") for c in channels):
        labels = tuple(str(c["label"]).strip() for c in channels)
    return Image(dataset, axes, labels, microns)


def _axes(scales: Mapping[str, Any], label: str) -> tuple[tuple[str, ...] | None, list[str | None]]:
    """Names and units of the axes; names alone in version 0.3, none before it (always t, c, z, y, x)."""
    entries = scales.get("axes")
    if entries is None:
        return (_ALL_AXES if str(scales.get("version", "0.1")) in ("0.1", "0.2") else None), [None] * len(_ALL_AXES)
    names = tuple(e if isinstance(e, str) else str(e["name"]) for e in entries)
    strange = set(names) - set(_ALL_AXES)
    if strange or len(set(names)) < len(names) or names[-2:] != ("y", "x"):
        raise InputError(f"{label}: axes {', '.join(names)}; expected some of t, c, z and then y, x")
    return names, [None if isinstance(e, str) else e.get("unit") for e in entries]


def _scale(dataset: Mapping[str, Any], count: int) -> list[float] | None:
    for entry in dataset.get("coordinateTransformations") or ():
        if entry.get("type") == "scale" and len(entry.get("scale", ())) == count:
            return [float(v) for v in entry["scale"]]
    return None


def array_of(read: Read, path: str, label: str, axes: tuple[str, ...] | None = None) -> Array | None:
    """The array at `path` of a store, None where none is there.

    axes : names of its axes, where its image tells them; else its own, else (y, x), (c, y, x) or (t, c, z, y, x).
    """
    for name in ARRAYS:
        content = read(_below(path, name))
        if content is None:
            continue
        where = _below(label, _below(path, name))
        document = _json(content, where)
        if name == "zarr.json" and document.get("node_type") != "array":
            return None
        try:
            return _array(document, axes, where)
        except InputError:
            raise
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"{where}: not the metadata of an array (lacks {error}); copy it again") from None
    return None


def _array(document: Mapping[str, Any], axes: tuple[str, ...] | None, label: str) -> Array:
    shape = tuple(int(n) for n in document["shape"])
    if document["zarr_format"] == 2:
        chunks, prefix = document["chunks"], ""
        separator = document.get("dimension_separator", ".")
    else:
        chunks = document["chunk_grid"]["configuration"]["chunk_shape"]
        encoding = document["chunk_key_encoding"]
        default = encoding["name"] == "default"
        separator = (encoding.get("configuration") or {}).get("separator", "/" if default else ".")
        prefix = f"c{separator}" if default else ""
    if separator not in (".", "/"):
        raise ValueError("a separator . or / of its chunks' names")
    chunks = tuple(int(n) for n in chunks)
    if len(chunks) != len(shape) or min(chunks, default=0) < 1 or min(shape, default=0) < 1:
        raise ValueError("chunks that fit its shape")
    return Array(shape, chunks, prefix, str(separator), _names(document, shape, axes, label))


def _names(
    document: Mapping[str, Any], shape: tuple[int, ...], axes: tuple[str, ...] | None, label: str
) -> tuple[str, ...]:
    own = document.get("dimension_names")
    if axes is None and isinstance(own, list) and all(name in _ALL_AXES for name in own):
        axes = tuple(own)
    axes = axes or _BY_COUNT.get(len(shape))
    if axes is None or len(axes) != len(shape) or axes[-2:] != ("y", "x"):
        raise InputError(
            f"{label}: {len(shape)} axes, and its metadata do not name them ({', '.join(axes or ()) or 'no names'}); "
            "convert it with axes t, c, z, y, x"
        )
    return axes


def _inner(path: object, label: str) -> str:
    """A path that metadata name, which must lie below their group: a store of a stranger's may name any."""
    text = str(path).strip("/")
    if not text or any(part in ("", ".", "..") for part in text.split("/")) or "\\" in text or "\0" in text:
        raise InputError(f"{label}: its metadata name the path {path!r}, which is none below it; convert it again")
    return text


def store_stem(location: str) -> str:
    """Name of a store without `.zarr` or `.ome.zarr`."""
    return re.sub(r"(\.ome)?\.zarr$", "", location.rstrip("/").rpartition("/")[2], flags=re.IGNORECASE)


def _below(folder: str, name: str) -> str:
    return f"{folder.rstrip('/')}/{name}" if folder else name
