"""Embedding files of every accepted format, read piece by piece.

Reading a Parquet file a few columns at a time keeps one copy of the features in memory: at 222,601 wells x 384 it takes
a third of the memory and of the time that reading whole rows does. Nothing is unpickled.
"""

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from cwamsn.embeddings import columns
from cwamsn.errors import InputError
from cwamsn.notes import note

Piece = tuple[slice, slice, np.ndarray]  # rows, columns, their values float32
COLUMNS = 16  # columns read at once: a cache line of float32
ROWS = 8192


@dataclass(frozen=True)
class Source:
    """An embeddings file: ids (N,) as text, the number of features, values in pieces, the features' names if any."""

    ids: np.ndarray
    n_features: int
    pieces: Iterator[Piece]
    names: list[str] = field(default_factory=list)


SUFFIXES = {".parquet": "parquet", ".pq": "parquet", ".csv": "csv", ".npz": "npz", ".h5ad": "h5ad"}
SUFFIXES |= {".h5": "h5", ".hdf5": "h5", ".tsv": "csv"}
SEPARATORS = (",", ";", "\t", "|")
# How files begin that are no text.
OTHER_FILES = {
    b"PAR1": "a Parquet file",
    b"PK\x03\x04": "an Excel workbook or another zip archive",
    b"\xd0\xcf\x11\xe0": "an Excel workbook",
    b"\x89HDF": "an HDF5 file",
    b"\x1f\x8b": "text compressed with gzip, whose name must end in .gz",
    b"\xff\xfe": "UTF-16 text",
    b"\xfe\xff": "UTF-16 text",
}
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
    if not len(source.ids):
        raise InputError(f"{path}: has no row; fill it in")
    if not all(source.ids):
        row = int(np.argmax([not i for i in source.ids]))
        raise InputError(f"{path}: row {row} has no well id; fill it in or leave it out")

    def pieces() -> Iterator[Piece]:
        with refusing(path, kind):
            yield from source.pieces

    return Source(source.ids, source.n_features, pieces(), source.names)


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
    suffix = Path(path.stem).suffix if path.suffix.lower() == ".gz" else path.suffix
    found = entry.get("format") or SUFFIXES.get(suffix.lower())
    if found != "csv" and path.suffix.lower() == ".gz":
        raise InputError(f"{path}: only CSV is read compressed; uncompress it")
    if found is None:
        raise InputError(f"{path}: format not known by its suffix; set format to parquet, csv, npz, h5 or h5ad")
    return found


def _id_column(path: Path, entry: dict[str, Any], names: list[str]) -> str:
    for name in [entry["well_column"]] if entry.get("well_column") else IDS:
        if name in names:
            return name
    wanted = entry.get("well_column") or " or ".join(IDS)
    raise InputError(f"{path}: no {wanted} among {', '.join(names[:8])}; set well_column to what holds the well ids")


def _texts(column: pa.ChunkedArray) -> np.ndarray:
    return column.cast(pa.string()).to_numpy()


def _parquet(path: Path, entry: dict[str, Any]) -> Source:
    with pq.ParquetFile(path) as file:
        schema = file.schema_arrow
        ids = _id_column(path, entry, schema.names)
        keys = [ids, *index_columns(schema)]
        read = lambda name: file.read([name], use_threads=False).column(0)  # noqa: E731
        features = columns.choose(path, entry.get("feature_columns"), schema, keys, read)
        names = _texts(read(ids))

    def pieces() -> Iterator[Piece]:
        with pq.ParquetFile(path) as file:
            start = 0
            for group in range(file.num_row_groups):
                rows = slice(start, start + file.metadata.row_group(group).num_rows)
                for first in range(0, len(features), COLUMNS):
                    chosen = features[first : first + COLUMNS]
                    table = file.read_row_group(group, columns=chosen, use_threads=False)
                    yield rows, slice(first, first + len(chosen)), _columns(path, table, chosen, start)
                start = rows.stop

    return Source(names, len(features), pieces(), features)


def index_columns(schema: pa.Schema) -> list[str]:
    """Columns that pandas wrote as the index of a table, by whatever name."""
    found = (schema.pandas_metadata or {}).get("index_columns", [])
    return [name for name in found if isinstance(name, str)]


def _csv(path: Path, entry: dict[str, Any]) -> Source:
    dialect = csv_dialect(path)
    with pacsv.open_csv(path, parse_options=dialect) as reader:
        schema = reader.schema  # types by the first block: what is no number there is read as text and looked at whole
        if not len(next(reader, ())):
            raise InputError(f"{path}: has no row; fill it in")
    ids = _id_column(path, entry, schema.names)
    numeric = {f.name for f in schema if pa.types.is_floating(f.type) or pa.types.is_integer(f.type)}
    schema = pa.schema([(f.name, pa.string() if pa.types.is_null(f.type) else f.type) for f in schema])
    read = lambda name: _read_csv(path, [name], pa.string(), dialect).column(0)  # noqa: E731
    features = columns.choose(path, entry.get("feature_columns"), schema, [ids], read)
    types = {ids: pa.string()} | {name: pa.float32() if name in numeric else pa.string() for name in features}
    try:
        table = _read_csv(path, [ids, *features], types, dialect)
    except pa.ArrowInvalid:
        texts = _read_csv(path, features, pa.string(), dialect)
        for name in features:  # says which cell is no number, if that is the reason
            columns.as_numbers(path, name, texts.column(name))
        raise
    table = without_empty_rows(table, ids)
    pieces = (
        (slice(0, len(table)), slice(i, i + COLUMNS), _columns(path, table, features[i : i + COLUMNS], 0))
        for i in range(0, len(features), COLUMNS)
    )
    return Source(_texts(table.column(ids)), len(features), pieces, features)


def csv_dialect(path: Path) -> pacsv.ParseOptions:
    """The separator by which a text table's header is divided. Raises InputError for a file that is no text."""
    with path.open("rb") as file:
        head = file.read(8)
    compressed = path.suffix.lower() == ".gz"  # which pyarrow goes by
    kind = next((kind for magic, kind in OTHER_FILES.items() if head.startswith(magic)), None)
    if kind and not (compressed and head.startswith(b"\x1f\x8b")):
        raise InputError(f"{path}: is {kind}, not CSV; set format, or save it as CSV in UTF-8")
    with gzip.open(path) if compressed else path.open("rb") as file:
        header = file.readline().decode("utf-8", errors="replace")
    return pacsv.ParseOptions(delimiter=max(SEPARATORS, key=header.count) if "," not in header else ",")


def without_empty_rows(table: pa.Table, ids: str) -> pa.Table:
    """The table without the rows that spreadsheets leave: no id and no value."""
    blank = np.array([not (text or "").strip() for text in table.column(ids).to_pylist()], dtype=bool)
    if not blank.any():
        return table
    rows = np.flatnonzero(blank)
    given = np.zeros(len(rows), dtype=bool)
    for column in table.select([n for n in table.column_names if n != ids]).itercolumns():
        given |= np.array([v not in (None, "") for v in column.take(rows).to_pylist()], dtype=bool)
    blank[rows[given]] = False
    return table.filter(pa.array(~blank))


def _read_csv(
    path: Path, names: list[str], types: dict[str, pa.DataType] | pa.DataType, dialect: pacsv.ParseOptions
) -> pa.Table:
    types = types if isinstance(types, dict) else dict.fromkeys(names, types)
    convert = pacsv.ConvertOptions(include_columns=names, column_types=types)
    return pacsv.read_csv(path, pacsv.ReadOptions(use_threads=False), dialect, convert)


def _columns(path: Path, table: pa.Table, names: list[str], first_row: int) -> np.ndarray:
    """Columns of a table as (n, k) float32; missing values become NaN, texts are read as numbers."""
    block = np.empty((len(names), len(table)), dtype=np.float32)
    for i, name in enumerate(names):
        block[i] = to_float(path, name, table.column(name), first_row)
    return block.T


def to_float(path: Path, name: str, column: pa.ChunkedArray | pa.Array, first_row: int = 0) -> np.ndarray:
    """A column as floats, NaN where it has no value. Raises InputError where it holds what is no number."""
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if columns.is_text(kind):
        column = columns.as_numbers(path, name, column, first_row)
    elif pa.types.is_null(kind) or pa.types.is_boolean(kind) or pa.types.is_decimal(kind):
        column = column.cast(pa.int8() if pa.types.is_boolean(kind) else pa.float64())
    elif not (pa.types.is_floating(kind) or pa.types.is_integer(kind)):
        raise InputError(f"{path}: column {name!r} is of type {kind}, not of numbers; correct feature_columns")
    return column.to_numpy(zero_copy_only=False) if isinstance(column, pa.Array) else column.to_numpy()


def _npz(path: Path, entry: dict[str, Any]) -> Source:
    with np.load(path, allow_pickle=False) as arrays:
        found = []
        for name in (_id_column(path, entry, list(arrays)), _vectors(path, entry, list(arrays))):
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


def _dense(path: Path, ids: np.ndarray, values, names: list[str] | None = None) -> Source:
    """An array (N, D) or, as CellCLIP stores them, (N, C, D); channels are laid side by side."""
    if not hasattr(values, "dtype"):
        raise InputError(f"{path}: {values.name} is a group of HDF5, not an array; set feature_columns to an array")
    if len(values.shape) < 2 or not np.shape(ids) or len(ids) != len(values) or 0 in values.shape[1:]:
        raise InputError(f"{path}: {np.size(ids)} ids for vectors of shape {values.shape}; one id a row is needed")
    if values.dtype.kind not in "fiu":
        raise InputError(f"{path}: its vectors are of type {values.dtype}; real numbers are needed")
    ids = np.array([i.decode() if isinstance(i, bytes) else str(i) for i in np.ravel(ids)], dtype=object)
    width = int(np.prod(values.shape[1:]))
    pieces = (
        (slice(i, i + ROWS), slice(0, width), np.asarray(values[i : i + ROWS], dtype=np.float32).reshape(-1, width))
        for i in range(0, len(ids), ROWS)
    )
    return Source(ids, width, pieces, names or [])


def _h5ad(path: Path, entry: dict[str, Any]) -> Source:
    import anndata

    data = anndata.read_h5ad(path)
    wanted = entry.get("well_column") or ("well_id" if "well_id" in data.obs else None)
    if wanted and wanted not in data.obs:
        raise InputError(f"{path}: no {wanted} in obs ({', '.join(data.obs.columns[:8])}); set well_column")
    ids = np.asarray(data.obs[wanted] if wanted else data.obs_names, dtype=object)
    return _dense(path, ids, *annotated_array(path, data, entry))


def _are_counts(values: np.ndarray) -> bool:
    """Whether numbers are whole and none is below zero."""
    return values.dtype.kind == "u" or bool((values >= 0).all() and (values == np.round(values)).all())


def annotated_array(path: Path, data, entry: dict[str, Any]) -> tuple[np.ndarray, list[str]]:
    """The vectors (N, D) of an AnnData object that `entry` names (`array`: an entry of obsm or layers; else X).

    Columns of obs are never features. Raises InputError where the array is absent, or where X is empty or all zero
    although there are others to choose from.
    """
    name, others = entry.get("array"), [*data.obsm, *data.layers]
    listed = f"array: {' or '.join(others)}" if others else "another file"
    if name in (None, "X"):
        values, names = data.X, list(map(str, data.var_names))
        if values is None or 0 in values.shape:
            raise InputError(f"{path}: X holds nothing; set {listed}")
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
        raise InputError(f"{path}: X holds zeros alone; set {listed}")
    if name is None and values.dtype.kind in "fiu" and _are_counts(values):
        note(
            f"{path.name}: X holds whole numbers alone, as raw counts do; if the embeddings are elsewhere, set {listed}"
        )
    if wanted := entry.get("feature_columns"):
        if not names:
            raise InputError(f"{path}: features of obsm have no names; leave feature_columns out")
        schema = pa.schema([(n, pa.float32()) for n in names])
        chosen = columns.choose(path, wanted, schema, [], lambda name: pa.array([], pa.string()))
        values, names = values[:, [names.index(n) for n in chosen]], chosen
    return values, names
