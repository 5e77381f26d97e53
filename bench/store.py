"""Candidates for the crop store on the real Bray field: size, writing, random reading into a batch.

    python -m bench.store

256 copies of the real field, each with its own pixel shift so that no two are equal; reads of single fields in random
order from a warm page cache into a (16, 5, 520, 696) batch. CPU time of one thread.
"""

import shutil
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import imagecodecs
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from bench._measure import best
from bench.conversion import CHANNELS, real_field
from cwamsn.crops import CropStore, compress_to_uint8
from cwamsn.crops.store import SHARD, ShardWriter

FIELDS, BATCH = 256, 16
Read = Callable[[int, np.ndarray], None]


def crops(n: int = FIELDS) -> Iterator[np.ndarray]:
    """The real field in 8 bit, rolled by k rows and columns."""
    field = np.stack([compress_to_uint8(p) for p in real_field()])
    for k in range(n):
        yield np.roll(field, (k, 3 * k), axis=(1, 2))


def open_store(folder: Path, codec: str) -> CropStore:
    """A store of the crops, written to `folder`."""
    rows = []
    with ShardWriter(folder / SHARD, CHANNELS, codec) as writer:
        for k, crop in enumerate(crops()):
            rows.append({"crop_id": f"c{k}", "shard_row": writer.add(f"c{k}", crop)})
    index = pd.DataFrame(rows).assign(field_id="f", well_id="w", plate="p", shard=SHARD, y=0, x=0)
    index = index.assign(height=520, width=696, saturation=0.0, focus=0.0, perturbation=None, split=None)
    return CropStore(index, folder)


def crop_store(codec: str) -> Callable[[Path], Read]:
    def make(folder: Path) -> Read:
        store = open_store(folder, codec)
        return lambda i, out: store.load_batch([i], out=out[None])

    return make


def memory_map(folder: Path) -> Read:
    array = np.lib.format.open_memmap(folder / "crops.npy", "w+", np.uint8, (FIELDS, 5, 520, 696))
    for k, crop in enumerate(crops()):
        array[k] = crop
    array.flush()
    array = np.load(folder / "crops.npy", mmap_mode="r")
    return lambda i, out: np.copyto(out, array[i])


def concatenated(encode: Callable[[np.ndarray], bytes], decode: Callable[[np.ndarray, np.ndarray], object]):
    """One raw file of compressed planes, offsets and checksums beside it."""

    def make(folder: Path) -> Read:
        ends, checks = [0], []
        with (folder / "crops.bin").open("wb") as file:
            for crop in crops():
                for plane in crop:
                    data = encode(plane)
                    file.write(data)
                    ends.append(ends[-1] + len(data))
                    checks.append(zlib.crc32(data))
        data = np.memmap(folder / "crops.bin", np.uint8, "r")

        def read(i: int, out: np.ndarray) -> None:
            for c in range(5):
                plane = data[ends[5 * i + c] : ends[5 * i + c + 1]]
                assert imagecodecs.deflate_crc32(plane) == checks[5 * i + c]
                decode(plane, out[c])

        return read

    return make


def parquet(folder: Path) -> Read:
    """One zstd-compressed value per field, one row group per field, as random access needs."""
    schema = pa.schema([("data", pa.binary())])
    with pq.ParquetWriter(folder / "crops.parquet", schema, compression="none", use_dictionary=False) as writer:
        for crop in crops():
            data = imagecodecs.zstd_encode(crop.reshape(-1), level=1)
            writer.write_table(pa.table({"data": [data]}, schema=schema))
    file = pq.ParquetFile(folder / "crops.parquet", memory_map=True)

    def read(i: int, out: np.ndarray) -> None:
        value = file.read_row_group(i, use_threads=False).column("data").chunk(0)[0].as_buffer()
        imagecodecs.zstd_decode(np.frombuffer(value, np.uint8), out=out.reshape(-1))

    return read


def zarr_sharded(compressor: str) -> Callable[[Path], Read]:
    """Zarr 3: chunks of one field, 64 to a shard."""

    def make(folder: Path) -> Read:
        import zarr
        from zarr.codecs import BloscCodec, ZstdCodec

        zarr.config.set({"async.concurrency": 1, "threading.max_workers": 1})
        codec = (
            ZstdCodec(level=1) if compressor == "zstd" else BloscCodec(cname="lz4", shuffle="bitshuffle", typesize=1)
        )
        array = zarr.create_array(
            store=str(folder / "crops.zarr"),
            shape=(FIELDS, 5, 520, 696),
            dtype="uint8",
            chunks=(1, 5, 520, 696),
            shards=(64, 5, 520, 696),
            compressors=[codec],
        )
        block = []
        for k, crop in enumerate(crops()):
            block.append(crop)
            if len(block) == 64:
                array[k - 63 : k + 1] = np.stack(block)
                block.clear()

        def read(i: int, out: np.ndarray) -> None:
            out[:] = array[i]

        return read

    return make


def _differences(undo: bool) -> Callable[[np.ndarray], np.ndarray]:
    if undo:
        return lambda plane: np.cumsum(plane, axis=1, dtype=np.uint8, out=plane)
    return lambda plane: np.diff(plane, axis=1, prepend=np.uint8(0))


def _zstd_differences(plane: np.ndarray, out: np.ndarray) -> None:
    imagecodecs.zstd_decode(plane, out=out.reshape(-1))
    _differences(undo=True)(out)


def _blosc(plane: np.ndarray) -> bytes:
    return imagecodecs.blosc2_encode(plane.reshape(-1), level=5, compressor="lz4", shuffle=2, typesize=1, numthreads=1)


CANDIDATES: dict[str, Callable[[Path], Read]] = {
    "memory-mapped .npy": memory_map,
    "Zarr 3 sharded, Blosc LZ4 bitshuffle": zarr_sharded("blosc"),
    "Zarr 3 sharded, zstd 1": zarr_sharded("zstd"),
    "Parquet, zstd 1": parquet,
    "planes in a raw file, Blosc2 LZ4 bitshuffle": concatenated(
        _blosc, lambda data, out: imagecodecs.blosc2_decode(data, numthreads=1, out=out.reshape(-1))
    ),
    "planes in a raw file, zstd 1": concatenated(
        lambda p: imagecodecs.zstd_encode(p, level=1),
        lambda data, out: imagecodecs.zstd_decode(data, out=out.reshape(-1)),
    ),
    "planes in a raw file, zstd 1 of horizontal differences": concatenated(
        lambda p: imagecodecs.zstd_encode(_differences(undo=False)(p), level=1), _zstd_differences
    ),
    "Arrow, row differences, Blosc2 LZ4 bitshuffle (codec: lz4)": crop_store("lz4"),
    "Arrow, row differences, zstd 1 (codec: zstd)": crop_store("zstd"),
    "Arrow, as they are (codec: none)": crop_store("none"),
}


def main() -> None:
    wanted = list(crops())
    total = sum(c.nbytes for c in wanted)
    rendering = best(lambda: [None for _ in crops(32)], 3) / 32
    order = np.random.default_rng(0).permutation(FIELDS)
    batch = np.zeros((BATCH, 5, 520, 696), np.uint8)
    print("| store | share of 8-bit size | ms to write a field | ms to read a field | fields/s and core |")
    print("|---|---|---|---|---|")
    for name, make in CANDIDATES.items():
        folder = Path(tempfile.mkdtemp(prefix="crop-store-"))
        try:
            start = time.process_time()
            read = make(folder)
            written = (time.process_time() - start) * 1000 / FIELDS - rendering
            size = sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())

            def read_all(read: Read = read) -> None:
                for k, i in enumerate(order):
                    read(int(i), batch[k % BATCH])

            read_all()
            ms = best(read_all, 3) / FIELDS
            for i in (0, 17, FIELDS - 1):
                read(i, batch[0])
                np.testing.assert_array_equal(batch[0], wanted[i])
            print(f"| {name} | {size / total:.2f} | {written:.1f} | {ms:.2f} | {1000 / ms:.0f} |", flush=True)
        finally:
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
