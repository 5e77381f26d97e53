"""Embedding files of every accepted format, read as batches of (ids, features).

A batch is a pair: (n,) array of text ids and (n, D) float32 array. Reading by batches keeps one copy of the features in
memory, which at 222,601 wells x 384 is what a laptop has to spare. Nothing is unpickled.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from cwamsn.tables import InputError, feature_columns

Batch = tuple[np.ndarray, np.ndarray]
ROWS = 8192
SUFFIXES = {".parquet": "parquet", ".pq": "parquet", ".csv": "csv", ".npz": "npz", ".h5ad": "h5ad"}
SUFFIXES |= {".h5": "h5", ".hdf5": "h5"}
IDS, VECTORS = ("well_id", "names"), ("embeddings", "features")  # names of arrays; CellCLIP writes names and embeddings


def batches(path: Path, entry: dict[str, Any]) -> Iterator[Batch]:
    """Batches of the file `path` as `entry` (of the configuration's `embeddings`) describes it.

    Raises InputError, naming the file, when it is absent, unreadable, cut short, or lacks ids or features.
    """
    readers = {"parquet": _parquet, "csv": _csv, "npz": _npz, "h5": _h5, "h5ad": _h5ad}
    reader = readers[file_format(path, entry)]
    try:
        yield from reader(path, entry)
    except InputError:
        raise
    except Exception as error:  # each library has its own ways to refuse a damaged file
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise InputError(f"{path}: not readable as {reader.__name__[1:]} ({reason}); is it whole?") from error


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


def _arrow_batch(batch: pa.RecordBatch, ids: str, features: list[str]) -> Batch:
    block = np.empty((len(features), batch.num_rows), dtype=np.float32)
    for i, name in enumerate(features):
        block[i] = batch.column(name).to_numpy(zero_copy_only=False)
    return batch.column(ids).cast(pa.string()).to_numpy(zero_copy_only=False), block.T


def _parquet(path: Path, entry: dict[str, Any]) -> Iterator[Batch]:
    with pq.ParquetFile(path) as file:
        ids, features = _arrow_columns(path, entry, file.schema_arrow)
        for batch in file.iter_batches(ROWS, columns=[ids, *features], use_threads=False):
            yield _arrow_batch(batch, ids, features)


def _csv(path: Path, entry: dict[str, Any]) -> Iterator[Batch]:
    with pacsv.open_csv(path) as reader:
        ids, features = _arrow_columns(path, entry, reader.schema)
    types = {ids: pa.string(), **dict.fromkeys(features, pa.float32())}
    convert = pacsv.ConvertOptions(include_columns=[ids, *features], column_types=types)
    with pacsv.open_csv(path, convert_options=convert) as reader:
        for batch in reader:
            yield _arrow_batch(batch, ids, features)


def _npz(path: Path, entry: dict[str, Any]) -> Iterator[Batch]:
    with np.load(path, allow_pickle=False) as arrays:
        ids = arrays[_id_column(path, entry, list(arrays))]
        values = arrays[_vectors(path, entry, list(arrays))]
    yield from _dense(path, ids, values)


def _h5(path: Path, entry: dict[str, Any]) -> Iterator[Batch]:
    import h5py

    with h5py.File(path, "r") as file:
        ids = file[_id_column(path, entry, list(file))][:]
        yield from _dense(path, ids, file[_vectors(path, entry, list(file))])


def _vectors(path: Path, entry: dict[str, Any], names: list[str]) -> str:
    wanted = entry.get("feature_columns")
    wanted = wanted[0] if isinstance(wanted, list) else wanted
    for name in [wanted] if wanted else VECTORS:
        if name in names:
            return name
    raise InputError(f"{path}: no {wanted or ' or '.join(VECTORS)} among {', '.join(names[:8])}; set feature_columns")


def _dense(path: Path, ids: np.ndarray, values) -> Iterator[Batch]:
    """Batches of an array (N, D) or, as CellCLIP stores them, (N, C, D); channels are laid side by side."""
    if len(ids) != len(values) or len(values.shape) < 2:
        raise InputError(f"{path}: {len(ids)} ids for vectors of shape {values.shape}; one id a row is needed")
    ids = np.array([i.decode() if isinstance(i, bytes) else str(i) for i in np.ravel(ids)], dtype=object)
    for start in range(0, len(ids), ROWS):
        block = np.asarray(values[start : start + ROWS], dtype=np.float32)
        yield ids[start : start + ROWS], block.reshape(len(block), -1)


def _h5ad(path: Path, entry: dict[str, Any]) -> Iterator[Batch]:
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
    yield from _dense(path, ids, np.asarray(values))
