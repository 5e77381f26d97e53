"""Embedding files of every accepted format, read piece by piece.

Reading a Parquet file a few columns at a time keeps one copy of the features in memory: at 222,601 wells x 384 it takes
a third of the memory and of the time that reading whole rows does. Nothing is unpickled.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from cwamsn.tables import InputError, feature_columns

Piece = tuple[slice, slice, np.ndarray]  # rows, columns, their values float32
COLUMNS = 16  # columns read at once: a cache line of float32
ROWS = 8192


@dataclass(frozen=True)
class Source:
    """An embeddings file: ids (N,) as text, the number of features, and the values in pieces."""

    ids: np.ndarray
    n_features: int
    pieces: Iterator[Piece]


SUFFIXES = {".parquet": "parquet", ".pq": "parquet", ".csv": "csv", ".npz": "npz", ".h5ad": "h5ad"}
SUFFIXES |= {".h5": "h5", ".hdf5": "h5"}
IDS, VECTORS = ("well_id", "names"), ("embeddings", "features")  # names of arrays; CellCLIP writes names and embeddings


def open_source(path: Path, entry: dict[str, Any]) -> Source:
    """The file `path` as `entry` (of the configuration's `embeddings`) describes it.

    Raises InputError, naming the file, when it is absent, unreadable, cut short, or lacks ids or features; what is
    wrong with the values, only when the pieces are taken.
    """
    kind = file_format(path, entry)
    readers = {"parquet": _parquet, "csv": _csv, "npz": _npz, "h5": _h5, "h5ad": _h5ad}
    with refusing(path, kind):
        source = readers[kind](path, entry)
    if pc.any(pc.is_null(pa.array(source.ids, pa.string()))).as_py():
        row = int(np.argmax([i is None for i in source.ids]))
        raise InputError(f"{path}: row {row} has no well id; fill it in or leave it out")

    def pieces() -> Iterator[Piece]:
        with refusing(path, kind):
            yield from source.pieces

    return Source(source.ids, source.n_features, pieces())


@contextmanager
def refusing(path: Path, kind: str) -> Iterator[None]:
    """Turn whatever a library says of a damaged file into an InputError."""
    try:
        yield
    except (InputError, MemoryError):
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise InputError(f"{path}: not readable as {kind} ({reason}); is it whole?") from error


def file_format(path: Path, entry: dict[str, Any]) -> str:
    """The format that `entry` names, else the one of the suffix."""
    if not path.is_file():
        raise InputError(f"{path}: no such file; check the path of this row")
    found = entry.get("format") or SUFFIXES.get(path.suffix.lower())
    if found is None:
        raise InputError(f"{path}: format not known by its suffix; set format to parquet, csv, npz, h5 or h5ad")
    return found


def choose_features(path: Path, wanted: list[str] | str | None, names: list[str], numeric: list[str]) -> list[str]:
    """Feature columns: a list as given; those with a prefix; or all `feature_<i>`; or else all numeric ones."""
    if isinstance(wanted, list):
        missing = [c for c in map(str, wanted) if c not in names]
        if missing:
            raise InputError(f"{path}: no column {missing[0]!r}; correct feature_columns")
        return list(map(str, wanted))
    found = [c for c in names if c.startswith(wanted)] if wanted else feature_columns(names) or numeric
    if not found:
        kind = f"that begins with {wanted!r}" if wanted else "that holds numbers"
        raise InputError(f"{path}: no column {kind}; set feature_columns")
    return feature_columns(found) if len(feature_columns(found)) == len(found) else found


def _id_column(path: Path, entry: dict[str, Any], names: list[str]) -> str:
    for name in [entry["well_column"]] if entry.get("well_column") else IDS:
        if name in names:
            return name
    wanted = entry.get("well_column") or " or ".join(IDS)
    raise InputError(f"{path}: no {wanted} among {', '.join(names[:8])}; set well_column to what holds the well ids")


def _arrow_columns(path: Path, entry: dict[str, Any], schema: pa.Schema) -> tuple[str, list[str]]:
    ids = _id_column(path, entry, schema.names)
    kinds = pa.types
    numeric = [f.name for f in schema if f.name != ids and (kinds.is_floating(f.type) or kinds.is_integer(f.type))]
    return ids, choose_features(path, entry.get("feature_columns"), [n for n in schema.names if n != ids], numeric)


def _texts(column: pa.ChunkedArray) -> np.ndarray:
    return column.cast(pa.string()).to_numpy()


def _parquet(path: Path, entry: dict[str, Any]) -> Source:
    with pq.ParquetFile(path) as file:
        ids, features = _arrow_columns(path, entry, file.schema_arrow)
        names = _texts(file.read([ids], use_threads=False).column(0))

    def pieces() -> Iterator[Piece]:
        with pq.ParquetFile(path) as file:
            start = 0
            for group in range(file.num_row_groups):
                rows = slice(start, start + file.metadata.row_group(group).num_rows)
                for first in range(0, len(features), COLUMNS):
                    chosen = features[first : first + COLUMNS]
                    table = file.read_row_group(group, columns=chosen, use_threads=False)
                    yield rows, slice(first, first + len(chosen)), _columns(table, chosen)
                start = rows.stop

    return Source(names, len(features), pieces())


def _csv(path: Path, entry: dict[str, Any]) -> Source:
    with pacsv.open_csv(path) as reader:
        ids, features = _arrow_columns(path, entry, reader.schema)
    types = {ids: pa.string(), **dict.fromkeys(features, pa.float32())}
    convert = pacsv.ConvertOptions(include_columns=[ids, *features], column_types=types)
    table = pacsv.read_csv(path, pacsv.ReadOptions(use_threads=False), convert_options=convert)
    pieces = (
        (slice(0, len(table)), slice(i, i + COLUMNS), _columns(table, features[i : i + COLUMNS]))
        for i in range(0, len(features), COLUMNS)
    )
    return Source(_texts(table.column(ids)), len(features), pieces)


def _columns(table: pa.Table, names: list[str]) -> np.ndarray:
    """Columns of a table as (n, k) float32; missing values become NaN."""
    block = np.empty((len(names), len(table)), dtype=np.float32)
    for i, name in enumerate(names):
        block[i] = table.column(name).to_numpy()
    return block.T


def _npz(path: Path, entry: dict[str, Any]) -> Source:
    with np.load(path, allow_pickle=False) as arrays:
        ids = arrays[_id_column(path, entry, list(arrays))]
        values = arrays[_vectors(path, entry, list(arrays))]
    return _dense(path, ids, values)


def _h5(path: Path, entry: dict[str, Any]) -> Source:
    import h5py

    file = h5py.File(path, "r")  # stays open while the pieces are read
    ids = file[_id_column(path, entry, list(file))][:]
    return _dense(path, ids, file[_vectors(path, entry, list(file))])


def _vectors(path: Path, entry: dict[str, Any], names: list[str]) -> str:
    wanted = entry.get("feature_columns")
    wanted = wanted[0] if isinstance(wanted, list) else wanted
    for name in [wanted] if wanted else VECTORS:
        if name in names:
            return name
    raise InputError(f"{path}: no {wanted or ' or '.join(VECTORS)} among {', '.join(names[:8])}; set feature_columns")


def _dense(path: Path, ids: np.ndarray, values) -> Source:
    """An array (N, D) or, as CellCLIP stores them, (N, C, D); channels are laid side by side."""
    if len(values.shape) < 2 or len(ids) != len(values):
        raise InputError(f"{path}: {len(ids)} ids for vectors of shape {values.shape}; one id a row is needed")
    names = np.array([i.decode() if isinstance(i, bytes) else str(i) for i in np.ravel(ids)], dtype=object)
    width = int(np.prod(values.shape[1:]))
    pieces = (
        (slice(i, i + ROWS), slice(0, width), np.asarray(values[i : i + ROWS], dtype=np.float32).reshape(-1, width))
        for i in range(0, len(names), ROWS)
    )
    return Source(names, width, pieces)


def _h5ad(path: Path, entry: dict[str, Any]) -> Source:
    import anndata

    data = anndata.read_h5ad(path)
    wanted = entry.get("well_column") or ("well_id" if "well_id" in data.obs else None)
    if wanted and wanted not in data.obs:
        raise InputError(f"{path}: no {wanted} in obs ({', '.join(data.obs.columns[:8])}); set well_column")
    ids = np.asarray(data.obs[wanted] if wanted else data.obs_names, dtype=object)
    if entry.get("feature_columns"):
        names = list(map(str, data.var_names))
        data = data[:, choose_features(path, entry["feature_columns"], names, names)]
    values = data.X.toarray() if hasattr(data.X, "toarray") else data.X
    return _dense(path, ids, np.asarray(values))
