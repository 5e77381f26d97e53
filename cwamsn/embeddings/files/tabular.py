"""Embeddings in tables, Parquet, Feather and CSV, read a few columns at a time.

Reading a Parquet file by columns keeps one copy of the features in memory: at 222,601 wells x 384 it takes a third of
the memory and of the time that reading whole rows does.
"""

import gzip
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.dataset as pads
import pyarrow.feather as feather
import pyarrow.parquet as pq

from cwamsn.embeddings.files import columns
from cwamsn.embeddings.files.source import KEYS, Piece, Source, as_texts, id_columns, joined
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
    """A Parquet file, whose row groups are read a few columns at a time; or a folder of them."""
    if path.is_dir():
        return _parquet_folder(path, entry)
    with pq.ParquetFile(path) as file:
        schema = file.schema_arrow
        ids = id_columns(path, entry, schema.names)
        keys = [*ids, *index_columns(schema)]
        read = lambda name: file.read([name], use_threads=False).column(0)  # noqa: E731
        features = columns.choose(path, entry.feature_columns, schema, keys, read)
        names = joined(path, ids, [_texts(read(name)) for name in ids])

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

    return Source(names, len(features), pieces(), features, KEYS[len(ids)])


def _parquet_folder(path: Path, entry: WellsFile) -> Source:
    """Parquet files below a folder, also such as `Metadata_Plate=24279/part.parquet`, as one table."""
    dataset = open_folder(path)
    return _by_columns(path, entry, dataset.schema, lambda names: dataset.to_table(columns=names, use_threads=False))


def open_folder(path: Path) -> pads.Dataset:
    """The Parquet files below a folder; a column that one of them lacks is empty there. InputError without any file."""
    files = [str(file) for file in sorted(path.rglob("*")) if file.suffix in (".parquet", ".pq") and file.is_file()]
    if not files:
        raise InputError(f"{path}: holds no .parquet file; give a file, or a folder of Parquet files")
    folders = {part.partition("=")[0] for file in files for part in Path(file).relative_to(path).parts if "=" in part}
    texts = pa.schema([(name, pa.string()) for name in sorted(folders)])  # plate 007 is no number
    named = pads.partitioning(texts, flavor="hive") if folders else None
    found = pads.dataset(files, format="parquet", partitioning=named, partition_base_dir=str(path))
    schemas = [found.schema, *(fragment.physical_schema for fragment in found.get_fragments())]
    return found.replace_schema(pa.unify_schemas(schemas, promote_options="permissive"))


def read_feather(path: Path, entry: WellsFile) -> Source:
    """A Feather (Arrow IPC) file, of which only what is needed is read."""
    table = feather.read_table(path, memory_map=True)
    return _by_columns(path, entry, table.schema, table.select)


def _by_columns(path: Path, entry: WellsFile, schema: pa.Schema, read: Callable[[list[str]], pa.Table]) -> Source:
    """A table whose columns `read` gives."""
    ids = id_columns(path, entry, schema.names)
    keys = [*ids, *index_columns(schema)]
    features = columns.choose(path, entry.feature_columns, schema, keys, lambda name: read([name]).column(0))
    names = joined(path, ids, [_texts(read([name]).column(0)) for name in ids])

    def pieces() -> Iterator[Piece]:
        for first in range(0, len(features), COLUMNS):
            chosen = features[first : first + COLUMNS]
            yield slice(0, len(names)), slice(first, first + len(chosen)), _columns(path, read(chosen), chosen, 0)

    return Source(names, len(features), pieces(), features, KEYS[len(ids)])


def read_ids(path: Path, entry: WellsFile) -> tuple[np.ndarray, tuple[str, ...]]:
    """(N,) ids of the rows of a table that holds nothing else of interest, and the columns of wells that they name."""
    suffix = Path(path.stem).suffix if path.suffix.lower() == ".gz" else path.suffix
    if suffix.lower() in (".csv", ".tsv"):
        with pacsv.open_csv(path, parse_options=csv_dialect(path)) as reader:
            ids = id_columns(path, entry, reader.schema.names)
        table = without_empty_rows(_read(path, ids, pa.string(), csv_dialect(path)), ids)
    else:
        table = feather.read_table(path) if suffix.lower() in (".feather", ".arrow") else pq.read_table(path)
        ids = id_columns(path, entry, table.column_names)
    return joined(path, ids, [_texts(table.column(name)) for name in ids]), KEYS[len(ids)]


def read_csv(path: Path, entry: WellsFile) -> Source:
    """A CSV file, read whole."""
    dialect = csv_dialect(path)
    with pacsv.open_csv(path, parse_options=dialect) as reader:
        schema = reader.schema  # types by the first block: a column that is not numeric there is read as text, whole
        if not len(next(reader, ())):
            raise InputError(f"{path}: has no row; fill it in")
    ids = id_columns(path, entry, schema.names)
    numeric = {f.name for f in schema if pa.types.is_floating(f.type) or pa.types.is_integer(f.type)}
    schema = pa.schema([(f.name, pa.string() if pa.types.is_null(f.type) else f.type) for f in schema])
    read = lambda name: _read(path, [name], pa.string(), dialect).column(0)  # noqa: E731
    features = columns.choose(path, entry.feature_columns, schema, ids, read)
    types = dict.fromkeys(ids, pa.string()) | {
        name: pa.float32() if name in numeric else pa.string() for name in features
    }
    try:
        table = _read(path, [*ids, *features], types, dialect)
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
    names = joined(path, ids, [_texts(table.column(name)) for name in ids])
    return Source(names, len(features), pieces, features, KEYS[len(ids)])


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


def without_empty_rows(table: pa.Table, ids: Sequence[str]) -> pa.Table:
    """The table without the empty rows that spreadsheets append: no id and no value."""
    blank = np.ones(len(table), dtype=bool)
    for name in ids:
        blank &= np.array([not (text or "").strip() for text in table.column(name).to_pylist()], dtype=bool)
    if not blank.any():
        return table
    rows = np.flatnonzero(blank)
    given = np.zeros(len(rows), dtype=bool)
    for column in table.select([n for n in table.column_names if n not in ids]).itercolumns():
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
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if pa.types.is_floating(kind):
        return as_texts(np.array(column.to_pylist(), dtype=object))
    return column.cast(pa.string()).to_numpy()
