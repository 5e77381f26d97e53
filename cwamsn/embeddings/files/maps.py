"""Finished maps from a file: one vector per perturbation."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.feather as feather
import pyarrow.parquet as pq

from cwamsn.embeddings.files import arrays, columns, formats, tabular
from cwamsn.embeddings.files.degenerate import refuse_degenerate
from cwamsn.embeddings.files.source import refusing
from cwamsn.embeddings.files.wells import check_digest, check_finite
from cwamsn.embeddings.options import MapFile, WellsFile
from cwamsn.errors import InputError
from cwamsn.notes import note
from cwamsn.tables import check, feature_columns

MAP_KEYS = ("perturbation_type", "concentration", "n_wells")
# The same in a table of profiles.
OF_PROFILES = {
    "Metadata_PerturbationType": "perturbation_type",
    "Metadata_Concentration": "concentration",
    "Metadata_WellCount": "n_wells",
}
PERTURBATION = "Metadata_Perturbation"


def read_map(path: str | Path, entry: Mapping[str, Any] | MapFile) -> tuple[pd.DataFrame, dict[str, int]]:
    """Read a finished map, one vector per perturbation.

    The file's columns `perturbation_type`, `concentration` (µM) and `n_wells` are used where it has them, and so are
    the `Metadata_` columns of a table of profiles.

    Parameters
    ----------
    path : file or folder of a format that :mod:`cwamsn.embeddings.files.formats` knows
    entry : how to read it; a mapping may have the keys of :class:`~cwamsn.embeddings.options.MapFile`, or none

    Returns
    -------
    Map (contract `map`) sorted by its key, and the numbers of its `rows` and `features`.

    Raises
    ------
    InputError
        For an unreadable file, a value that is NaN or not a number, a missing or repeated perturbation, and for vectors
        that tell nothing apart.
    """
    path, entry = Path(path), entry if isinstance(entry, MapFile) else MapFile.from_config(entry)
    check_digest(path, entry.sha256)
    column = entry.perturbation_column
    given, features = _table(path, entry)
    values = np.column_stack([tabular.to_float(path, name, given.column(name)) for name in features])
    values = values.astype(np.float64)
    if entry.on_missing == "drop" and not (good := np.isfinite(values).all(axis=1)).all():
        note(f"{path.name}: {int((~good).sum())} of {len(good)} rows with NaN or infinite values are left out")
        given, values = given.filter(pa.array(good)), values[good]
    names = _names(path, given, column)
    keyed = {
        "perturbation_type": _types(path, given, entry.perturbation_type),
        "perturbation": names,
        "concentration": _number(path, given, MAP_KEYS[1], np.nan, "a number in µM"),
        "n_wells": _number(path, given, MAP_KEYS[2], 1, "a whole number", whole=True),
    }
    frame = pd.DataFrame(keyed)
    with np.errstate(over="ignore"):  # squares of what float32 cannot hold are infinite
        check_finite(path, names, values.astype(np.float32), 0, features)
    refuse_degenerate(path, values, names, "perturbations", features=features)
    frame = pd.concat([frame, pd.DataFrame(values, columns=[f"feature_{i}" for i in range(len(features))])], axis=1)
    frame["n_wells"] = frame["n_wells"].astype("Int32")
    frame = check(frame, "map", path)
    frame = frame.sort_values(["perturbation_type", "perturbation", "concentration"], kind="stable")
    return frame.reset_index(drop=True), {"rows": len(frame), "features": len(feature_columns(frame.columns))}


def _names(path: Path, given: pa.Table, column: str) -> np.ndarray:
    """Perturbations as text, None where a row has none."""
    values = given.column(column)
    if pa.types.is_floating(values.type):
        raise InputError(f"{path}: {column} holds numbers ({values[0]}); gene symbols or compound names are needed")
    texts = values.cast(pa.string()).to_pylist()
    return np.array([text.strip() or None if text is not None else None for text in texts], dtype=object)


def _types(path: Path, given: pa.Table, default: str) -> list[str] | str:
    """`perturbation_type` of each row, whatever its case."""
    if MAP_KEYS[0] not in given.column_names:
        return default
    texts = [str(text).strip().upper() for text in given.column(MAP_KEYS[0]).to_pylist()]
    known = [text in ("CRISPR", "COMPOUND") for text in texts]
    if not all(known):
        row = known.index(False)
        raise InputError(f"{path}: row {row} has perturbation_type {texts[row]!r}; it is CRISPR or COMPOUND")
    return texts


def _number(
    path: Path, given: pa.Table, name: str, default: float, what: str, whole: bool = False
) -> np.ndarray | float:
    """A key column as numbers. Raises InputError where it holds text, such as a dose with its unit."""
    if name not in given.column_names:
        return default
    column = given.column(name)
    texts = columns.cleaned(column.cast(pa.string()))
    numbers = pd.to_numeric(pd.Series(texts.to_pylist(), dtype=object), errors="coerce")
    numbers = numbers.to_numpy(float)
    wrong = ~np.isfinite(numbers) | (numbers < 0) | (numbers % 1 != 0 if whole else False)
    bad = wrong & np.array(texts.is_valid())
    if bad.any():
        row = int(bad.argmax())
        raise InputError(f"{path}: row {row} has {name} {texts[row].as_py()!r}; {what} is needed, without a unit")
    return numbers


def _table(path: Path, entry: MapFile) -> tuple[pa.Table, list[str]]:
    """A small table of any accepted format, and its feature columns."""
    kind, wanted, column = formats.file_format(path, entry), entry.feature_columns, entry.perturbation_column
    with refusing(path, kind):
        annotated = kind == "h5ad" or (kind == "zarr" and arrays.is_anndata(path))
        if kind in ("npz", "npy", "h5") or (kind == "zarr" and not annotated):
            file = WellsFile(format=kind, well_column=column, feature_columns=wanted, table=entry.table)
            source = formats.open_source(path, file)
            values = np.concatenate([block for _, _, block in source.pieces])
            return _dense_table(column, source.ids, values)
        if annotated:
            return _annotated_table(path, entry)
        table = _of_profiles(_read_table(path, kind, column), column)
        if not len(table):
            raise InputError(f"{path}: has no row; fill it in")
        if column not in table.column_names:
            listed = ", ".join(table.column_names[:8])
            raise InputError(f"{path}: no column {column!r} among {listed}; set perturbation_column")
        keys = [column, *(k for k in MAP_KEYS if k != column), *tabular.index_columns(table.schema)]
        return table, columns.choose(path, wanted, table.schema, keys, table.column)


def _read_table(path: Path, kind: str, column: str) -> pa.Table:
    if kind == "parquet":
        return tabular.open_folder(path).to_table() if path.is_dir() else pq.read_table(path)
    return feather.read_table(path) if kind == "feather" else _csv_table(path, column)


def _of_profiles(table: pa.Table, column: str) -> pa.Table:
    """A table of profiles with the names that maps have."""
    names = {old: new for old, new in {**OF_PROFILES, PERTURBATION: column}.items() if new not in table.column_names}
    return table.rename_columns([names.get(name, name) for name in table.column_names])


def _csv_table(path: Path, column: str) -> pa.Table:
    """A CSV file with types inferred from all rows; perturbations stay text (`NA` and `1` are names)."""
    times = 16 if path.suffix.lower() == ".gz" else 1  # compressed text is longer than its file
    block = pacsv.ReadOptions(block_size=min(max(times * path.stat().st_size + 1, 1 << 20), 2**31 - 1))
    convert = pacsv.ConvertOptions(column_types={column: pa.string(), PERTURBATION: pa.string()})
    table = pacsv.read_csv(path, block, tabular.csv_dialect(path), convert)
    names = [name for name in (column, PERTURBATION) if name in table.column_names]
    return tabular.without_empty_rows(table, names[:1]) if names else table


def _annotated_table(path: Path, entry: MapFile) -> tuple[pa.Table, list[str]]:
    """Vectors and the keys of obs; its other columns (counts, clusters) are not features."""
    import anndata  # only for this format

    column, data = entry.perturbation_column, anndata.read_zarr(path) if path.is_dir() else anndata.read_h5ad(path)
    names = {old: new for old, new in {**OF_PROFILES, PERTURBATION: column}.items() if new not in data.obs}
    data.obs = arrays.metadata_of(data).rename(columns=names)
    if column in data.obs:
        ids = data.obs[column].astype(object).to_numpy()
    elif data.obs.index.name == column:
        ids = data.obs_names.to_numpy(dtype=object)
    else:
        listed = ", ".join(data.obs.columns[:8])
        raise InputError(
            f"{path}: no column {column!r} in obs ({listed or 'it has none'}); set perturbation_column, or give the "
            f"index of obs that name (obs.index.name = {column!r})"
        )
    values, _ = arrays.annotated_array(path, data, entry)
    if values.dtype.kind not in "fiu":
        raise InputError(f"{path}: its vectors are of type {values.dtype}; real numbers are needed")
    table, features = _dense_table(column, ids, values)
    for key in MAP_KEYS:
        if key in data.obs and key != column:
            table = table.append_column(key, pa.array(data.obs[key].astype(object).to_numpy(), from_pandas=True))
    others = [c for c in map(str, data.obs.columns) if c not in (column, *MAP_KEYS)]
    if others:
        note(f"{path.name}: {len(others)} columns of obs are not taken as features: {columns.shown(others)}")
    return table, features


def _dense_table(column: str, ids: np.ndarray, values: np.ndarray) -> tuple[pa.Table, list[str]]:
    """`ids` (N,) and `values` (N, D) as a table, and the names of its feature columns."""
    features = [f"feature_{i}" for i in range(values.shape[1])]
    table = pa.table([pa.array(ids, from_pandas=True), *np.asarray(values, np.float64).T], names=[column, *features])
    return table, features
