"""Planes by URI: files, zip members, Parquet rows and Zarr arrays, opened once and read without unpacking.

What the bytes are is decided in :mod:`cwamsn.screens.planes.decode`.
"""

import os
import struct
import zipfile
import zlib
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, TypeVar, cast

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from cwamsn.errors import InputError
from cwamsn.screen_specs.image_options import ImageOptions
from cwamsn.screen_specs.selection import DEPTHS, Selection, split_selection
from cwamsn.screens.planes.decode import MOST_BYTES, Refused, decode_plane
from cwamsn.screens.planes.directory import zip_members
from cwamsn.screens.planes.stacks import projected
from cwamsn.screens.planes.zarrs import ZarrImage

Kept = TypeVar("Kept", "_Archive", "_Shard", ZarrImage)
_OPEN_FILES = 16  # archives kept open; a Bray field lies in five
_ROW_GROUPS = 3  # row groups kept decompressed; a well may straddle two


def read_plane(uri: str) -> np.ndarray:
    """One plane, (H, W) uint8 or uint16. See :class:`PlaneReader` for many planes. Raises InputError naming `uri`."""
    with PlaneReader() as reader:
        return reader.read(uri)


class PlaneReader:
    """Reads planes by URI; keeps archives and row groups open between calls. Use one per thread, as a context.

    A URI is `path/to/file.tif`, `path/to/archive.zip!member/name.tif`, `path/to/shard.parquet#row` or the folder of an
    image in a Zarr store (`plate.zarr/B/03/0`, or of an array), and may end with a selection: `f.tif!c=2`,
    `f.tif!page=3`, `plate.zarr/B/03/0!c=1,z=max`, numbers from 0. Several with `|` between them are the depths of one
    plane.

    Parameters
    ----------
    images : what the files hold: how depths become a plane; under a declared range pixels of any type are read.
    """

    def __init__(self, images: ImageOptions | None = None) -> None:
        self._images = images or ImageOptions()
        self._archives: OrderedDict[str, _Archive | _Shard | ZarrImage] = OrderedDict()

    def __enter__(self) -> "PlaneReader":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the archives that are open."""
        while self._archives:
            self._archives.popitem()[1].close()

    def read(self, uri: str) -> np.ndarray:
        """The plane at `uri`, (H, W) uint8 or uint16; under a declared range as stored, so perhaps signed or float.

        Raises :class:`InputError` naming the URI when it cannot be read.
        """
        if DEPTHS in uri:
            return self._stack(uri.split(DEPTHS))
        return self._one(uri, self._images.stack)

    def _one(self, uri: str, stack: str | int) -> np.ndarray:
        """The plane of one file."""
        try:
            ranged = self._images.range is not None
            path, kind, _, selection = split_uri(uri)
            if kind == "file" and Path(path).is_dir():
                return self._kept(path, ZarrImage).plane(selection, stack, ranged)
            return decode_plane(self.read_bytes(uri), selection, stack, any_type=ranged)
        except InputError:
            raise
        except Refused as error:
            raise InputError(f"{uri}: not a readable plane ({error})") from error
        except Exception as error:  # decoders of five libraries fail in as many ways; each is one bad plane
            raise InputError(f"{uri}: not a readable plane ({type(error).__name__}: {error})") from error

    def _stack(self, uris: list[str]) -> np.ndarray:
        """One plane of files that each hold a depth, as `images.stack` says."""
        how = self._images.stack
        if how == "refuse":
            raise InputError(
                f"{uris[0]}: is one of {len(uris)} depths (z) of its field; set images.stack of the screen to max, "
                "sharpest or a number from 0"
            )
        if isinstance(how, int):
            if how >= len(uris):
                raise InputError(f"{uris[0]}: has depths 0 to {len(uris) - 1}, not {how}; correct images.stack")
            return self._one(uris[how], "refuse")
        shapes: set[tuple[int, ...]] = set()

        def read(uri: str) -> np.ndarray:
            plane = self._one(uri, "refuse")
            shapes.add(plane.shape)
            if len(shapes) > 1:
                raise InputError(f"{uri}: has another size than other depths of its field; export them again")
            return plane

        return projected([partial(read, uri) for uri in uris], how)

    def read_bytes(self, uri: str) -> bytes | memoryview:
        """The encoded bytes at `uri`, their checksum verified where the container has one."""
        path, kind, member, _ = split_uri(uri)
        if kind == "file":
            return Path(path).read_bytes()
        if kind == "zip":
            return self._kept(path, _Archive).read(member)
        return self._kept(path, _Shard).read(member)

    def _kept(self, path: str, opened: Callable[[str], Kept]) -> Kept:
        """What is open at `path`, opened where it is not; the longest unused is closed."""
        found = self._archives.pop(path, None)
        if found is None:
            found = opened(path)
        self._archives[path] = found
        while len(self._archives) > _OPEN_FILES:
            self._archives.popitem(last=False)[1].close()
        return cast(Kept, found)


class Place(NamedTuple):
    """Where a plane is."""

    path: str
    kind: str
    """`file`, `zip` or `parquet`."""
    member: str
    """Member of a zip file, row of a Parquet file."""
    selection: Selection
    """Which plane of the file, member or row."""


def split_uri(uri: str) -> Place:
    """The parts of a URI. InputError for a selection that means nothing."""
    name, selection = split_selection(uri)
    if ".zip!" in name:
        path, _, member = name.partition(".zip!")
        return Place(f"{path}.zip", "zip", member, selection)
    if ".parquet#" in name:
        path, _, row = name.rpartition("#")
        return Place(path, "parquet", row, selection)
    return Place(name, "file", "", selection)


class _Archive:
    """A zip file that stays open. Members are read by position: a map of a plate's zips would count as memory."""

    def __init__(self, path: str) -> None:
        self.path = path
        try:
            self.members = zip_members(path)
        except (zipfile.BadZipFile, OSError) as error:
            raise InputError(f"{path}: not a readable zip file ({error}); delete it and download it again") from None
        self.file = Path(path).open("rb")  # noqa: SIM115 - closed with the reader

    def read(self, member: str) -> bytes | memoryview:
        info = self.members.get(member)
        if info is None:
            raise InputError(f"{self.path}!{member}: no such member in the zip file")
        if info.file_size > MOST_BYTES:
            raise InputError(f"{self.path}!{member}: {info.file_size:,} bytes, which no plane has")
        if info.flag_bits & 1 or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise InputError(f"{self.path}!{member}: encrypted or unknown compression {info.compress_type}")
        at = info.header_offset
        header = os.pread(self.file.fileno(), 30, at)
        if len(header) < 30 or header[:4] != b"PK\3\4":
            raise InputError(
                f"{self.path}!{member}: no member header where the directory says; download the file again"
            )
        names = struct.unpack_from("<HH", header, 26)
        start = at + 30 + sum(names)
        data: bytes = os.pread(self.file.fileno(), info.compress_size, start)
        if info.compress_type == zipfile.ZIP_DEFLATED:
            data = _inflate(data, info.file_size)
        if len(data) != info.file_size or _crc32(data) != info.CRC:
            raise InputError(f"{self.path}!{member}: wrong checksum (CRC-32); download the file again")
        return data

    def close(self) -> None:
        self.file.close()


def _crc32(data: bytes) -> int:
    """libdeflate's is eight times as fast as zlib's."""
    try:
        import imagecodecs
    except ImportError:
        return zlib.crc32(data)
    return imagecodecs.deflate_crc32(data)


def _inflate(data: bytes, size: int) -> bytes:
    """Raw deflate; libdeflate through imagecodecs takes half the time of zlib."""
    try:
        import imagecodecs
    except ImportError:
        return zlib.decompress(data, wbits=-15, bufsize=size)
    return imagecodecs.deflate_decode(data, raw=True, out=size)


class _Shard:
    """A Parquet file with a column `jp2` (struct of `bytes`, `path`); the last few row groups stay in memory."""

    def __init__(self, path: str) -> None:
        self.path = path
        try:
            self.file = pq.ParquetFile(path, memory_map=True)
        except (OSError, pa.ArrowInvalid) as error:
            raise InputError(
                f"{path}: not a readable Parquet file ({error}); delete it and download it again"
            ) from None
        rows = [self.file.metadata.row_group(g).num_rows for g in range(self.file.num_row_groups)]
        self.ends = np.cumsum(rows)
        self.groups: OrderedDict[int, pa.Array] = OrderedDict()

    def read(self, row: str) -> memoryview:
        index = int(row)
        if not 0 <= index < self.file.metadata.num_rows:
            raise InputError(f"{self.path}#{row}: the shard has {self.file.metadata.num_rows} rows")
        group = int(np.searchsorted(self.ends, index, side="right"))
        column = self.groups.pop(group, None)
        if column is None:
            table = self.file.read_row_group(group, columns=["jp2.bytes"])
            column = table.column("jp2").combine_chunks().field("bytes")
        self.groups[group] = column
        while len(self.groups) > _ROW_GROUPS:
            self.groups.popitem(last=False)
        start = int(self.ends[group - 1]) if group else 0
        value = column[index - start]
        if not value.is_valid:
            raise InputError(f"{self.path}#{row}: the row holds no image")
        return memoryview(value.as_buffer()).cast("B")

    def close(self) -> None:
        self.groups.clear()
        self.file.close()
