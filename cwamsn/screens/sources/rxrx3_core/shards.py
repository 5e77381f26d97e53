"""Shards of RxRx3-core as Parquet files: their keys, and the planes at either end."""

from collections.abc import Callable
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from cwamsn.errors import InputError
from cwamsn.screens.hosts import Fetched, RangeFile, usable
from cwamsn.screens.names import RxRx3Key, parse_rxrx3_key
from cwamsn.vocabulary import RXRX3_STAINS

T = TypeVar("T")
Field = tuple[str, int]  # well_id and site
_KEYS = 1 << 30  # bytes that a shard's column of keys may unpack to; 38,000 keys have about a megabyte
_ROW_GROUP = 4 << 30  # bytes that a row group of images may unpack to; 1,000 rows have about 14 MB


def _parse(keys: list[str | None]) -> list[RxRx3Key | None]:
    found = [parse_rxrx3_key(key or "") for key in keys]
    return [key if key and 1 <= key.channel <= len(RXRX3_STAINS) else None for key in found]


def read_keys(shard: Fetched) -> list[RxRx3Key | None]:
    """The parsed key of every row, None for rows that name no plane."""
    with usable(shard):
        return _parse(read_shard(shard.path, shard.url, _key_column))


def _key_column(file: pq.ParquetFile) -> list[str | None]:
    return file.read(columns=["__key__"]).column("__key__").to_pylist()


def _open(source: Path | RangeFile, url: str) -> pq.ParquetFile:
    """A shard whose columns are the expected ones and unpack to no more than memory holds, as far as it says so."""
    try:
        file = pq.ParquetFile(source)
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{url}: not a readable shard ({error}); download or copy it again") from None
    missing = {"__key__", "jp2"} - set(file.schema_arrow.names)
    if missing:
        raise InputError(f"{url}: has no column {' and '.join(sorted(missing))}; is it a shard of RxRx3-core?")
    groups = [file.metadata.row_group(i) for i in range(file.num_row_groups)]
    keys = sum(c.total_uncompressed_size for g in groups for c in _columns(g) if c.path_in_schema == "__key__")
    if keys > _KEYS or any(g.total_byte_size > _ROW_GROUP for g in groups):
        raise InputError(
            f"{url}: would unpack to more than {_ROW_GROUP >> 30} GiB at once; is it a shard of RxRx3-core?"
        )
    return file


def _columns(group: pq.RowGroupMetaData) -> list[pq.ColumnChunkMetaData]:
    return [group.column(i) for i in range(group.num_columns)]


def read_shard(source: Path | RangeFile, url: str, read: Callable[[pq.ParquetFile], T]) -> T:
    """What `read` makes of an opened shard. InputError, naming `url`, for one that cannot be read."""
    try:
        with _open(source, url) as file:
            return read(file)
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{url}: not a readable shard ({error}); download or copy it again") from None


def last_field(file: pq.ParquetFile) -> Field | None:
    """The field of a shard's last plane."""
    for group in reversed(range(file.num_row_groups)):
        keys = [key for key in _parse(file.read_row_group(group, columns=["__key__"]).column(0).to_pylist()) if key]
        if keys:
            return keys[-1][:2]
    return None


class Head(NamedTuple):
    """The field of a shard's first plane and, if it is the wanted one, the rows of its planes by channel."""

    field: Field
    planes: dict[int, int]
    rows: pa.Table | None


def first_field(file: pq.ParquetFile, wanted: Field) -> Head | None:
    """The head of a shard: rows that name no plane are passed over; a field may reach over several row groups."""
    field: Field | None = None
    planes: dict[int, int] = {}
    tables: list[pa.Table] = []
    for group in range(file.num_row_groups):
        keys = _parse(file.read_row_group(group, columns=["__key__"]).column(0).to_pylist())
        named = [(row, key) for row, key in enumerate(keys) if key]
        if not named:
            continue
        field = field or named[0][1][:2]
        if field != wanted:
            return Head(field, {}, None)
        mine = list(takewhile(lambda pair: pair[1][:2] == wanted, named))
        if mine:
            taken = file.read_row_group(group, columns=["__key__", "jp2"]).take([row for row, _ in mine])
            start = sum(table.num_rows for table in tables)
            planes |= {key.channel: start + k for k, (_, key) in enumerate(mine)}
            tables.append(taken)
        if len(mine) < len(named):
            break
    return Head(field, planes, pa.concat_tables(tables) if tables else None) if field else None
