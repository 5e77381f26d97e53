"""Embeddings in arrays: npz, HDF5 and AnnData. Nothing is unpickled."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from cwamsn.embeddings.files import columns
from cwamsn.embeddings.files.source import Source, id_column
from cwamsn.embeddings.options import FileOptions, WellsFile
from cwamsn.errors import InputError
from cwamsn.notes import note

if TYPE_CHECKING:
    from anndata import AnnData

VECTORS = ("embeddings", "features")  # names of the array of vectors; CellCLIP writes embeddings
ROWS = 8192


def read_npz(path: Path, entry: WellsFile) -> Source:
    """An archive of numpy arrays, one of ids and one of vectors."""
    with np.load(path, allow_pickle=False) as arrays:
        found = []
        for name in (id_column(path, entry, list(arrays)), _vectors(path, entry, list(arrays))):
            try:
                found.append(arrays[name])
            except ValueError as error:
                if "allow_pickle" not in str(error):
                    raise
                raise InputError(
                    f"{path}: array {name!r} holds Python objects, which are never read; save text as "
                    "ids.astype(str), numbers as an array of numbers"
                ) from None
    return _dense(path, *found)


def read_h5(path: Path, entry: WellsFile) -> Source:
    """An HDF5 file with a data set of ids and one of vectors."""
    import h5py  # only for this format

    file = h5py.File(path, "r")  # stays open while the pieces are read
    ids = file[id_column(path, entry, list(file))][:]
    return _dense(path, ids, file[_vectors(path, entry, list(file))])


def read_h5ad(path: Path, entry: WellsFile) -> Source:
    """An AnnData file; ids are a column of obs, else its index."""
    import anndata  # only for this format

    data = anndata.read_h5ad(path)
    wanted = entry.well_column or ("well_id" if "well_id" in data.obs else None)
    if wanted and wanted not in data.obs:
        raise InputError(f"{path}: no {wanted} in obs ({', '.join(data.obs.columns[:8])}); set well_column")
    ids = np.asarray(data.obs[wanted] if wanted else data.obs_names, dtype=object)
    return _dense(path, ids, *annotated_array(path, data, entry))


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


def _dense(path: Path, ids: np.ndarray, values: Any, names: list[str] | None = None) -> Source:
    """Vectors (N, D) or, as CellCLIP stores them, (N, C, D), whose channels are concatenated."""
    if not hasattr(values, "dtype"):
        raise InputError(f"{path}: {values.name} is a group of HDF5, not an array; set feature_columns to an array")
    if len(values.shape) < 2 or not np.shape(ids) or len(ids) != len(values) or 0 in values.shape[1:]:
        raise InputError(f"{path}: {np.size(ids)} ids for vectors of shape {values.shape}; one id per row is needed")
    if values.dtype.kind not in "fiu":
        raise InputError(f"{path}: its vectors are of type {values.dtype}; real numbers are needed")
    ids = np.array([i.decode() if isinstance(i, bytes) else str(i) for i in np.ravel(ids)], dtype=object)
    width = int(np.prod(values.shape[1:]))
    pieces = (
        (slice(i, i + ROWS), slice(0, width), np.asarray(values[i : i + ROWS], dtype=np.float32).reshape(-1, width))
        for i in range(0, len(ids), ROWS)
    )
    return Source(ids, width, pieces, names or [])


def _are_counts(values: np.ndarray) -> bool:
    """Whether all numbers are whole and none is negative."""
    return values.dtype.kind == "u" or bool((values >= 0).all() and (values == np.round(values)).all())
