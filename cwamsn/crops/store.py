"""The crop store: Arrow IPC files read through memory maps; a row is one crop, compressed, with its checksum."""

import math
import os
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import imagecodecs
import numpy as np
import pandas as pd
import pyarrow as pa

from cwamsn import tables
from cwamsn.crops.codec import CODECS, bound, decode, encode
from cwamsn.errors import InputError

SHARD = "crops.arrow"
_BATCH = 16  # crops held before they are written
_BEGIN, _END = slice(None, -1), slice(1, None)
_NONE = np.zeros(0, np.int64)

_COLUMNS = [
    ("crop_id", pa.string()),
    ("height", pa.int32()),
    ("width", pa.int32()),
    ("checksum", pa.uint32()),
    ("data", pa.binary()),
]


def _checksum(crop_id: str, shape: tuple[int, ...], data: np.ndarray | bytes) -> int:
    """CRC-32 over identity, shape and compressed bytes, so that a row of another crop is noticed as well."""
    return imagecodecs.deflate_crc32(data, value=zlib.crc32(f"{crop_id} {shape}".encode()))


@dataclass(frozen=True)
class Packed:
    """A compressed crop, made on another thread than the one that writes."""

    shape: tuple[int, ...]
    data: np.ndarray

    @classmethod
    def of(cls, crop: np.ndarray, codec: str) -> "Packed":
        """Of a (C, H, W) uint8 crop, which may change afterwards."""
        return cls(crop.shape, encode(crop, codec))


class ShardWriter:
    """Writes one shard. A context; `add` returns the row of the crop.

    Crops are compressed into one buffer that becomes the column's data as it is: at a plate's pace, fresh memory for
    every field would cost as much as the compression.
    """

    def __init__(self, path: Path, channels: Sequence[str], codec: str) -> None:
        if codec not in CODECS:
            raise InputError(f"crops.codec: {codec!r} is not known; known: {', '.join(CODECS)}")
        self.path, self.codec, self.rows = path, codec, 0
        metadata = {"channels": "\n".join(channels), "codec": codec}
        self._schema = pa.schema(_COLUMNS, metadata=metadata)
        self._rows: list[tuple] = []
        self._ends = [0]
        self._data = self._work = np.empty(0, np.uint8)

    def __enter__(self) -> "ShardWriter":
        self._file = self.path.open("wb")
        self._writer = pa.ipc.new_file(self._file, self._schema)
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        with self._file:
            if kind is None:
                self._flush()
            self._writer.close()
            self._file.flush()
            os.fsync(self._file.fileno())

    def add(self, crop_id: str, crop: "np.ndarray | Packed") -> int:
        """Append a (C, H, W) uint8 crop, compressed already or not; returns its row."""
        need = bound(math.prod(crop.shape))
        if len(self._rows) == _BATCH or self._ends[-1] + need > self._data.size:
            self._flush()
            if need > self._data.size:
                self._data = np.empty(_BATCH * need, np.uint8)
        start = self._ends[-1]
        if isinstance(crop, Packed):
            data = crop.data
            self._data[start : start + data.size] = data
        else:
            if self._work.shape != crop.shape:
                self._work = np.empty(crop.shape, np.uint8)
            data = encode(crop, self.codec, self._data[start : start + need], self._work)
        _, height, width = crop.shape
        self._rows.append((crop_id, height, width, _checksum(crop_id, crop.shape, data)))
        self._ends.append(start + data.size)
        self.rows += 1
        return self.rows - 1

    def _flush(self) -> None:
        if self._rows:
            columns = [pa.array(values, kind) for values, (_, kind) in zip(zip(*self._rows), _COLUMNS)]
            buffers = [None, pa.py_buffer(np.array(self._ends, np.int32)), pa.py_buffer(self._data[: self._ends[-1]])]
            columns.append(pa.Array.from_buffers(pa.binary(), len(self._rows), buffers))
            self._writer.write_batch(pa.record_batch(columns, schema=self._schema))
            self._rows, self._ends = [], [0]


class _Shard:
    """A shard mapped into memory: nothing is copied until a crop is expanded.

    A row is a slice of the file's bytes: Arrow's batches and scalars would cost as much as expanding a small crop.
    """

    def __init__(self, path: Path) -> None:
        try:
            mapped = pa.memory_map(str(path))
            reader = pa.ipc.open_file(mapped)
            batches = [reader.get_batch(i) for i in range(reader.num_record_batches)]
            metadata = {k.decode(): v.decode() for k, v in (reader.schema.metadata or {}).items()}
            self.channels, self.codec = tuple(metadata["channels"].split("\n")), metadata["codec"]
            mapped.seek(0)
            whole = mapped.read_buffer()  # no copy
            self.bytes = np.frombuffer(whole, np.uint8)
            edges = [_edges(batch, whole.address) for batch in batches]
            self.begins, self.ends = (np.concatenate([_NONE, *(e[side] for e in edges)]) for side in (_BEGIN, _END))
            self.checksums = np.concatenate([_NONE, *(batch.column("checksum").to_numpy() for batch in batches)])
        except (OSError, pa.ArrowInvalid, KeyError, UnicodeDecodeError, ValueError, TypeError) as error:
            raise InputError(
                f"{path}: not a readable crop shard ({error}); delete it and recompute the crops"
            ) from None
        if self.codec not in CODECS:
            raise InputError(f"{path}: made with codec {self.codec!r}, known: {', '.join(CODECS)}; recompute the crops")
        self.path = path

    def load(self, row: int, crop_id: str, out: np.ndarray) -> None:
        if not 0 <= row < len(self.checksums):
            raise InputError(f"{self.path}: row {row} ({crop_id}): the shard ends before it; recompute the crops")
        data = self.bytes[self.begins[row] : self.ends[row]]
        if _checksum(crop_id, out.shape, data) != self.checksums[row]:
            raise InputError(
                f"{self.path}: row {row} ({crop_id}): wrong checksum; delete the shard and recompute the crops"
            )
        decode(data, self.codec, out)


def _edges(batch: pa.RecordBatch, start: int) -> np.ndarray:
    """(rows + 1,) where in the file, mapped at address `start`, the compressed bytes of each row begin and end."""
    _, offsets, data = batch.column("data").buffers()
    # Damaged offsets may point anywhere; what lies there has another checksum.
    return (np.frombuffer(offsets, np.int32, batch.num_rows + 1) + np.int64(data.address - start)).clip(0)


class CropStore:
    """Random access to the crops of one screen.

    Shards are mapped when first needed, and again in each process, so a store can be pickled and survives a fork.
    Threads may share a store: expanding holds no interpreter lock, so two of them read nearly twice as much.

    Parameters
    ----------
    index : the crops table, a path or a frame.
    root : the screen's data folder, to which the `shard` paths of the table are relative.
    """

    def __init__(self, index: str | Path | pd.DataFrame, root: str | Path) -> None:
        if isinstance(index, pd.DataFrame):
            self.frame, self.source = tables.check(index, "crops", "crops index").reset_index(drop=True), "crops index"
        else:
            self.frame, self.source = tables.read("crops", index), str(index)
        self.root = Path(root)
        # As plain arrays: a look-up in a data frame would cost as much as expanding a small crop.
        self._paths, self._shard = np.unique(self.frame["shard"].to_numpy(str), return_inverse=True)
        self._row = self.frame["shard_row"].to_numpy()
        self._size = self.frame[["height", "width"]].to_numpy()
        self._crop_id = self.frame["crop_id"].to_numpy()
        self._open: dict[int, _Shard] = {}
        self._process = os.getpid()
        self._channels: tuple[str, ...] | None = None

    def __len__(self) -> int:
        return len(self.frame)

    def __getstate__(self) -> dict:
        return {**self.__dict__, "_open": {}}

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the channels in the order of the arrays."""
        if self._channels is None:
            if not len(self):
                raise InputError(f"{self.source}: holds no crop; see the QC table for the reasons")
            self._channels = self._get(int(self._shard[0])).channels
        return self._channels

    @property
    def bytes_per_crop(self) -> float:
        """Mean size of a crop in the shards that have been read so far; 0 before any."""
        shards = list(self._open.values())
        return sum(shard.bytes.size for shard in shards) / max(1, sum(len(shard.checksums) for shard in shards))

    def load(self, i: int) -> np.ndarray:
        """Crop `i`, (C, H, W) uint8. Raises InputError naming shard and row when its bytes are damaged."""
        return self.load_batch([i])[0]

    def batch_shape(self, indices: Sequence[int] | np.ndarray) -> tuple[int, int, int, int]:
        """(B, C, H, W) of the crops `indices` as one batch. Raises InputError when there are none, or sizes differ."""
        indices = np.asarray(indices, dtype=np.int64)
        if not indices.size:
            raise InputError(f"{self.source}: a batch of no crops was asked for")
        sizes = self._size[indices]
        different = (sizes != sizes[0]).any(axis=1)
        if different.any():
            names = self._crop_id[indices[0]], self._crop_id[indices[int(different.argmax())]]
            raise InputError(f"{self.source}: crops {names[0]} and {names[1]} differ in size; batches need one size")
        return len(indices), len(self.channels), int(sizes[0][0]), int(sizes[0][1])

    def load_batch(self, indices: Sequence[int] | np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """Crops `indices` in their order.

        Parameters
        ----------
        indices : positions in the crops table.
        out : C-contiguous (B, C, H, W) uint8 to expand into and return.

        Returns
        -------
        np.ndarray
            (B, C, H, W) uint8.

        Raises
        ------
        InputError
            When sizes differ, when `out` does not fit and when bytes are damaged.
        """
        indices = np.asarray(indices, dtype=np.int64)
        shape = self.batch_shape(indices)
        if out is None:
            out = np.empty(shape, np.uint8)
        elif out.shape != shape or out.dtype != np.uint8 or not out.flags.c_contiguous:
            raise InputError(f"out: expected C-contiguous uint8 of shape {shape}, found {out.dtype} {out.shape}")
        rows = zip(self._shard[indices].tolist(), self._row[indices].tolist(), self._crop_id[indices], out)
        for shard, row, crop_id, target in rows:
            self._get(shard).load(row, crop_id, target)
        return out

    def _get(self, number: int) -> _Shard:
        # Several threads may come here at once. The worst they do is to map a shard twice, of which one map is kept.
        if self._process != os.getpid():
            self._open, self._process = {}, os.getpid()
        shard = self._open.get(number)
        if shard is None:
            shard = self._open.setdefault(number, _Shard(self.root / str(self._paths[number])))
            if self._channels is not None and shard.channels != self._channels:
                raise InputError(
                    f"{shard.path}: channels {', '.join(shard.channels)}, elsewhere "
                    f"{', '.join(self._channels)}; recompute the crops of this screen"
                )
        return shard
