"""Embeddings in tables, Parquet and CSV, read a few columns at a time.

Reading a Parquet file by columns keeps one copy of the features in memory: at 222,601 wells x 384 it takes a third of
the memory and of the time that reading whole rows does.
"""

import gzip
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from cwamsn.embeddings.files import columns
from cwamsn.embeddings.files.source import Piece, Source, id_column
from cwamsn.embeddings.options import WellsFile
from cwamsn.errors import InputError

COLUMNS = 16  # columns read at once: a cache line of float32
SEPARATORS = (",", ";", "\t", "|")
# First bytes of files that are not text.
OTHER_FILES = {
    b"PAR1": "a Parquet file",
    b"PK\x03\x04": "an Excel workbook or another zip archive",
    b"\xd0\xcf\x11\xe0": "an Excel workbook",
    b"\x89HDF": "an HDF5 file",
    b"\x1f\x8b": "text compressed with gzip, whose name must end in .gz",
    b"\xff\xfe": "UTF-16 text",
    b"\xfe\xff": "UTF-16 text",
}


def read_parquet(path: Path, entry: WellsFile) -> Source:
    """A Parquet file; its row groups are read a few columns at a time."""
    with pq.ParquetFile(path) as file:
        schema = file.schema_arrow
        ids = id_column(path, entry, schema.names)
        keys = [ids, *index_columns(schema)]
        read = lambda name: file.read([name], use_threads=False).column(0)  # noqa: E731
        features = columns.choose(path, entry.feature_columns, schema, keys, read)
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


def read_csv(path: Path, entry: WellsFile) -> Source:
    """A CSV file, read whole."""
    dialect = csv_dialect(path)
    with pacsv.open_csv(path, parse_options=dialect) as reader:
        schema = reader.schema  # types by the first block: a column that is not numeric there is read as text, whole
        if not len(next(reader, ())):
            raise InputError(f"{path}: has no row; fill it in")
    ids = id_column(path, entry, schema.names)
    numeric = {f.name for f in schema if pa.types.is_floating(f.type) or pa.types.is_integer(f.type)}
    schema = pa.schema([(f.name, pa.string() if pa.types.is_null(f.type) else f.type) for f in schema])
    read = lambda name: _read(path, [name], pa.string(), dialect).column(0)  # noqa: E731
    features = columns.choose(path, entry.feature_columns, schema, [ids], read)
    types = {ids: pa.string()} | {name: pa.float32() if name in numeric else pa.string() for name in features}
    try:
        table = _read(path, [ids, *features], types, dialect)
    except pa.ArrowInvalid:
        texts = _read(path, features, pa.string(), dialect)
        for name in features:  # names the cell that is not a number, if that is the reason
            columns.as_numbers(path, name, texts.column(name))
        raise
    table = without_empty_rows(table, ids)
    pieces = (
        (slice(0, len(table)), slice(i, i + COLUMNS), _columns(path, table, features[i : i + COLUMNS], 0))
        for i in range(0, len(features), COLUMNS)
    )
    return Source(_texts(table.column(ids)), len(features), pieces, features)


def index_columns(schema: pa.Schema) -> list[str]:
    """Columns that pandas wrote as the index of a table, by whatever name."""
    found = (schema.pandas_metadata or {}).get("index_columns", [])
    return [name for name in found if isinstance(name, str)]


def csv_dialect(path: Path) -> pacsv.ParseOptions:
    """The separator of a text table, told by its header. Raises InputError for a file that is not text."""
    with path.open("rb") as file:
        head = file.read(8)
    compressed = path.suffix.lower() == ".gz"  # pyarrow decides by the suffix too
    kind = next((kind for magic, kind in OTHER_FILES.items() if head.startswith(magic)), None)
    if kind and not (compressed and head.startswith(b"\x1f\x8b")):
        raise InputError(f"{path}: is {kind}, not CSV; set format, or save it as CSV in UTF-8")
    with gzip.open(path) if compressed else path.open("rb") as file:
        header = file.readline().decode("utf-8", errors="replace")
    return pacsv.ParseOptions(delimiter=max(SEPARATORS, key=header.count) if "," not in header else ",")


def without_empty_rows(table: pa.Table, ids: str) -> pa.Table:
    """The table without the empty rows that spreadsheets append: no id and no value."""
    blank = np.array([not (text or "").strip() for text in table.column(ids).to_pylist()], dtype=bool)
    if not blank.any():
        return table
    rows = np.flatnonzero(blank)
    given = np.zeros(len(rows), dtype=bool)
    for column in table.select([n for n in table.column_names if n != ids]).itercolumns():
        given |= np.array([v not in (None, "") for v in column.take(rows).to_pylist()], dtype=bool)
    blank[rows[given]] = False
    return table.filter(pa.array(~blank))


def _read(
    path: Path, names: list[str], types: dict[str, pa.DataType] | pa.DataType, dialect: pacsv.ParseOptions
) -> pa.Table:
    types = types if isinstance(types, dict) else dict.fromkeys(names, types)
    convert = pacsv.ConvertOptions(include_columns=names, column_types=types)
    return pacsv.read_csv(path, pacsv.ReadOptions(use_threads=False), dialect, convert)


def _columns(path: Path, table: pa.Table, names: list[str], first_row: int) -> np.ndarray:
    """Columns of a table as (n, k) float32; missing values become NaN, text is read as numbers."""
    block = np.empty((len(names), len(table)), dtype=np.float32)
    for i, name in enumerate(names):
        block[i] = to_float(path, name, table.column(name), first_row)
    return block.T


def to_float(path: Path, name: str, column: pa.ChunkedArray | pa.Array, first_row: int = 0) -> np.ndarray:
    """A column as floats, NaN where a value is missing. Raises InputError for a value that is not a number."""
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if columns.is_text(kind):
        column = columns.as_numbers(path, name, column, first_row)
    elif pa.types.is_null(kind) or pa.types.is_boolean(kind) or pa.types.is_decimal(kind):
        column = column.cast(pa.int8() if pa.types.is_boolean(kind) else pa.float64())
    elif not (pa.types.is_floating(kind) or pa.types.is_integer(kind)):
        raise InputError(f"{path}: column {name!r} is of type {kind}, not of numbers; correct feature_columns")
    return column.to_numpy(zero_copy_only=False) if isinstance(column, pa.Array) else column.to_numpy()


def _texts(column: pa.ChunkedArray) -> np.ndarray:
    return column.cast(pa.string()).to_numpy()
