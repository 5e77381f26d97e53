"""Which format a file of embeddings has, and its reader."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from cwamsn.embeddings.files.arrays import read_h5, read_h5ad, read_npy, read_npz, read_zarr
from cwamsn.embeddings.files.source import Piece, Source, refusing
from cwamsn.embeddings.files.tabular import read_csv, read_feather, read_parquet
from cwamsn.embeddings.options import FileOptions, WellsFile
from cwamsn.errors import InputError
from cwamsn.files import refuse_lfs_pointer

SUFFIXES = {".parquet": "parquet", ".pq": "parquet", ".csv": "csv", ".npz": "npz", ".h5ad": "h5ad"}
SUFFIXES |= {".h5": "h5", ".hdf5": "h5", ".tsv": "csv", ".feather": "feather", ".arrow": "feather", ".npy": "npy"}
SUFFIXES |= {".zarr": "zarr"}
ZARR = ("zarr.json", ".zgroup", ".zattrs")  # files at the top of a Zarr store
FOLDERS = ("parquet", "zarr")  # formats whose files may be a folder
_READERS = {
    "parquet": read_parquet,
    "csv": read_csv,
    "feather": read_feather,
    "npz": read_npz,
    "npy": read_npy,
    "h5": read_h5,
    "h5ad": read_h5ad,
    "zarr": read_zarr,
}


def open_source(path: Path, entry: WellsFile) -> Source:
    """Open a file of embeddings as `entry` describes it.

    Raises InputError, naming the file, when it is absent, unreadable, cut short, or lacks ids or features. Faults of
    the values are found only when the pieces are read.
    """
    kind = file_format(path, entry)
    with refusing(path, kind):
        source = _READERS[kind](path, entry)
    if not len(source.ids):
        raise InputError(f"{path}: has no row; fill it in")
    if not all(source.ids):
        row = int(np.argmax([not i for i in source.ids]))
        raise InputError(f"{path}: row {row} has no well id; fill it in or leave it out")

    def pieces() -> Iterator[Piece]:
        with refusing(path, kind):
            yield from source.pieces

    return replace(source, pieces=pieces())


def file_format(path: Path, entry: FileOptions) -> str:
    """The format that `entry` names, else that of the suffix."""
    if not path.exists():
        raise InputError(f"{path}: no such file; check the path of this method")
    refuse_lfs_pointer(path)
    suffix = Path(path.stem).suffix if path.suffix.lower() == ".gz" else path.suffix
    found = entry.format or SUFFIXES.get(suffix.lower())
    if found != "csv" and path.suffix.lower() == ".gz":
        raise InputError(f"{path}: only CSV is read compressed; uncompress it")
    if path.is_dir():
        found = found or ("zarr" if any((path / name).exists() for name in ZARR) else "parquet")
        if found not in FOLDERS:
            raise InputError(f"{path}: is a folder, which {found} is not; give a file")
    elif found == "zarr":
        raise InputError(f"{path}: is a file, Zarr is a folder; unpack it")
    if found is None:
        *others, last = _READERS
        raise InputError(f"{path}: format not known by its suffix; set format to {', '.join(others)} or {last}")
    return found
