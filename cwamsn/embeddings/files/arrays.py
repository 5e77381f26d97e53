"""Embeddings in arrays: npz, npy, HDF5, Zarr and AnnData. Nothing is unpickled."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from cwamsn.embeddings.files import columns
from cwamsn.embeddings.files.source import KEYS, Source, as_texts, id_columns, joined
from cwamsn.embeddings.files.tabular import read_ids
from cwamsn.embeddings.options import FileOptions, WellsFile
from cwamsn.errors import InputError
from cwamsn.notes import note

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

VECTORS = ("embeddings", "features")  # names of the array of vectors; CellCLIP writes embeddings
TABLES = (".csv", ".tsv", ".csv.gz", ".parquet", ".feather")  # what may lie beside a .npy
METADATA = "Metadata_"
ROWS = 8192


def read_npz(path: Path, entry: WellsFile) -> Source:
    """An archive of numpy arrays, one of ids (or one each of plates and wells) and one of vectors."""
    with np.load(path, allow_pickle=False) as arrays:
        ids, found = id_columns(path, entry, list(arrays)), []
        for name in (*ids, _vectors(path, entry, list(arrays))):
            try:
                found.append(arrays[name])
            except ValueError as error:
                if "allow_pickle" not in str(error):
                    raise
                raise InputError(
                    f"{path}: array {name!r} holds Python objects, which are never read; save text as "
                    "ids.astype(str), numbers as an array of numbers"
                ) from None
    return _of_arrays(path, ids, found[:-1], found[-1])


def read_npy(path: Path, entry: WellsFile) -> Source:
    """One array of vectors, and a table with its rows' ids: `entry.table`, or the table beside it of the same name."""
    table = Path(entry.table) if entry.table else next(filter(Path.is_file, map(path.with_suffix, TABLES)), None)
    if table is None:
        raise InputError(
            f"{path}: has no table beside it with the ids of its rows ({path.stem}.csv, .tsv, .parquet or .feather); "
            "set table"
        )
    if not table.is_file():
        raise InputError(f"{table}: no such file; correct table")
    values = np.load(path, mmap_mode="r", allow_pickle=False)
    ids, key = read_ids(table, entry)
    return _dense(path, ids, values, key=key)


def read_h5(path: Path, entry: WellsFile) -> Source:
    """An HDF5 file with a data set of ids (or one each of plates and wells) and one of vectors."""
    import h5py  # only for this format

    file = h5py.File(path, "r")  # stays open while the pieces are read
    ids = id_columns(path, entry, list(file))
    return _of_arrays(path, ids, [file[name][:] for name in ids], file[_vectors(path, entry, list(file))])


def read_zarr(path: Path, entry: WellsFile) -> Source:
    """A Zarr store: AnnData's, or a group with an array of ids (or one each of plates and wells) and one of vectors."""
    import zarr  # only for this format

    if is_anndata(path):
        import anndata  # only for this format

        return _of_anndata(path, entry, anndata.read_zarr(path))
    group = zarr.open_group(path, mode="r")
    ids = id_columns(path, entry, sorted(group))
    found: list[Any] = [group[name] for name in (*ids, _vectors(path, entry, sorted(group)))]
    if not all(hasattr(array, "dtype") for array in found):
        raise InputError(f"{path}: a group of Zarr stands where an array is needed; set feature_columns to an array")
    return _of_arrays(path, ids, [np.asarray(array[:]) for array in found[:-1]], found[-1])


def is_anndata(path: Path) -> bool:
    """Whether a Zarr store is one of AnnData."""
    import zarr  # only for this format

    return bool(zarr.open_group(path, mode="r").attrs.get("encoding-type") == "anndata")


def read_h5ad(path: Path, entry: WellsFile) -> Source:
    """An AnnData file; ids are a column of obs, or its plate and well, else its index."""
    import anndata  # only for this format

    return _of_anndata(path, entry, anndata.read_h5ad(path))


def _of_anndata(path: Path, entry: WellsFile, data: "AnnData") -> Source:
    obs = metadata_of(data)
    try:
        names = id_columns(path, entry, [str(name) for name in obs if entry.well_column or name != "names"])
    except InputError:
        if entry.well_column:
            listed = ", ".join(map(str, data.obs.columns[:8]))
            raise InputError(f"{path}: no {entry.well_column} in obs ({listed}); set well_column") from None
        names = []
    found = [as_texts(obs[name].astype(object).to_numpy()) for name in names]
    ids = joined(path, names, found) if names else np.asarray(data.obs_names, dtype=object)
    return _dense(path, ids, *annotated_array(path, data, entry), key=KEYS[max(1, len(names))])


def metadata_of(data: "AnnData") -> "pd.DataFrame":
    """`obs`, and the columns of numbers that pycytominer has written to X although they begin with Metadata_."""
    moved = np.flatnonzero(data.var_names.str.startswith(METADATA))
    values = data.X[:, moved] if len(moved) else np.empty((len(data.obs), 0))
    values = np.asarray(values.toarray() if hasattr(values, "toarray") else values)
    return data.obs.assign(**{str(data.var_names[place]): values[:, i] for i, place in enumerate(moved)})


def annotated_array(path: Path, data: "AnnData", entry: FileOptions) -> tuple[np.ndarray, list[str]]:
    """Vectors (N, D) of an AnnData object, and the names of their features, if any.

    `entry.array` names an entry of obsm or layers; without it X is taken. Columns of obs are never features. Raises
    InputError where the array is absent, or where X is empty, or all zero although there are others to choose from.
    """
    name, others = entry.array, [*data.obsm, *data.layers]
    listed = f"array: {' or '.join(others)}" if others else "another file"
    if name in (None, "X"):
        values, names = data.X, list(map(str, data.var_names))
        if values is None or 0 in values.shape:
            raise InputError(f"{path}: X is empty; set {listed}")
    else:
        key = name.removeprefix("obsm/").removeprefix("layers/")
        if key in data.obsm and not name.startswith("layers/"):
            values, names = data.obsm[key], []
        elif key in data.layers and not name.startswith("obsm/"):
            values, names = data.layers[key], list(map(str, data.var_names))
        else:
            raise InputError(f"{path}: no {name!r} in obsm or layers ({', '.join(others) or 'both are empty'})")
    values = np.asarray(values.toarray() if hasattr(values, "toarray") else values)
    if not entry.feature_columns and any(moved := [text.startswith(METADATA) for text in names]):
        values, names = values[:, ~np.array(moved)], [text for text in names if not text.startswith(METADATA)]
    if name in (None, "X") and others and values.dtype.kind in "fiu" and not values.any():
        raise InputError(f"{path}: X holds only zeros; set {listed}")
    if name is None and values.dtype.kind in "fiu" and _are_counts(values):
        note(
            f"{path.name}: X holds only whole numbers, as raw counts do; if the embeddings are elsewhere, set {listed}"
        )
    if wanted := entry.feature_columns:
        if not names:
            raise InputError(f"{path}: features of obsm have no names; leave out feature_columns")
        schema = pa.schema([(n, pa.float32()) for n in names])
        chosen = columns.choose(path, wanted, schema, [], lambda name: pa.array([], pa.string()))
        values, names = values[:, [names.index(n) for n in chosen]], chosen
    return values, names


def _vectors(path: Path, entry: WellsFile, names: list[str]) -> str:
    wanted = entry.feature_columns
    wanted = wanted[0] if isinstance(wanted, list) else wanted
    for name in [wanted] if wanted else VECTORS:
        if name in names:
            return name
    raise InputError(f"{path}: no {wanted or ' or '.join(VECTORS)} among {', '.join(names[:8])}; set feature_columns")


def _of_arrays(path: Path, columns_: list[str], ids: list[np.ndarray], values: Any) -> Source:
    """Vectors and the arrays that name their rows."""
    if len(columns_) > 1:
        return _dense(path, joined(path, columns_, [as_texts(array) for array in ids]), values, key=KEYS[len(columns_)])
    return _dense(path, ids[0], values)


def _dense(
    path: Path, ids: np.ndarray, values: Any, names: list[str] | None = None, *, key: tuple[str, ...] = KEYS[1]
) -> Source:
    """Vectors (N, D) or, as CellCLIP stores them, (N, C, D), whose channels are concatenated."""
    if not hasattr(values, "dtype"):
        raise InputError(f"{path}: {values.name} is a group of HDF5, not an array; set feature_columns to an array")
    if len(values.shape) < 2 or not np.shape(ids) or len(ids) != values.shape[0] or 0 in values.shape[1:]:
        raise InputError(f"{path}: {np.size(ids)} ids for vectors of shape {values.shape}; one id per row is needed")
    if values.dtype.kind not in "fiu":
        raise InputError(f"{path}: its vectors are of type {values.dtype}; real numbers are needed")
    ids = as_texts(np.asarray(ids))
    width = int(np.prod(values.shape[1:]))
    pieces = (
        (slice(i, i + ROWS), slice(0, width), np.asarray(values[i : i + ROWS], dtype=np.float32).reshape(-1, width))
        for i in range(0, len(ids), ROWS)
    )
    return Source(ids, width, pieces, names or [], key)


def _are_counts(values: np.ndarray) -> bool:
    """Whether all numbers are whole and none is negative."""
    return values.dtype.kind == "u" or bool((values >= 0).all() and (values == np.round(values)).all())
