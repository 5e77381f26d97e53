"""Text tables as hosts, laboratories and spreadsheets write them."""

import csv
import gzip
import io
from pathlib import Path

import pandas as pd

from cwamsn.errors import InputError

# How tables write that a cell is empty.
NOTHING = frozenset({"", "na", "n/a", "#n/a", "<na>", "nan", "none", "null"})
_SEPARATORS = (",", ";", "\t", "|")
_OTHER_FILES = {
    b"PK\x03\x04": "an Excel workbook or a zip archive; save it as CSV",
    b"\xd0\xcf\x11\xe0": "an Excel workbook; save it as CSV",
    b"PAR1": "a Parquet file; save it as CSV",
    b"\xff\xfe": "UTF-16 text; save it as CSV in UTF-8",
    b"\xfe\xff": "UTF-16 text; save it as CSV in UTF-8",
}


def read_text_table(path: Path, label: str, separator: str = ",") -> pd.DataFrame:
    """Every cell as text without surrounding blanks, empty cells as ''. `label` names the file in errors.

    Rows that are wholly empty are left out; the index numbers the rows of the file from 0. A header that holds no
    `separator` but another usual one is read with that. Raises InputError for a table without a row, for a row with
    more cells than the header, and for a column that stands twice with different contents.
    """
    text = _text(path, label)
    header = text.partition("\n")[0]
    if separator not in header:
        separator = max(_SEPARATORS, key=lambda s: (header.count(s), s == separator))
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True))
    except csv.Error as error:
        raise InputError(f"{label}: not a readable table ({error})") from None
    names = [name.strip() for name in rows[0]] if rows else []
    if not any(names):
        raise InputError(f"{label}: not a readable table (it has no header)")
    kept = {k: [cell.strip() for cell in row] for k, row in enumerate(rows[1:])}
    kept = {k: row for k, row in kept.items() if any(row)}
    if not kept:
        raise InputError(f"{label}: has no row below its header; fill it in")
    for k, row in kept.items():
        if any(row[len(names) :]):
            raise InputError(
                f"{label}: row {k} has {len(row)} cells, the header {len(names)}; a cell that holds "
                f"{separator!r} must stand in quotes"
            )
    cells = [row[: len(names)] + [""] * (len(names) - len(row)) for row in kept.values()]
    frame = pd.DataFrame(cells, index=list(kept), columns=range(len(names)), dtype=object)
    return _one_of_each(frame, names, label)


def _text(path: Path, label: str) -> str:
    try:
        content = path.read_bytes()
        if content.startswith(b"\x1f\x8b"):
            content = gzip.decompress(content)
    except (OSError, EOFError) as error:
        raise InputError(f"{label}: not a readable table ({error})") from None
    for magic, kind in _OTHER_FILES.items():
        if content.startswith(magic):
            raise InputError(f"{label}: not a readable table: it is {kind}")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise InputError(f"{label}: line {line} is not UTF-8 text; save the table as CSV in UTF-8") from None


def _one_of_each(frame: pd.DataFrame, names: list[str], label: str) -> pd.DataFrame:
    """The named columns; of two with one name and the same cells the first."""
    first: dict[str, int] = {}
    for k, name in enumerate(names):
        if name in first and name and not frame[k].equals(frame[first[name]]):
            raise InputError(f"{label}: column {name} stands twice, with different contents; keep one")
        first.setdefault(name, k)
    first.pop("", None)
    return frame[list(first.values())].set_axis(list(first), axis=1)


def require_columns(frame: pd.DataFrame, columns: tuple[str, ...], label: str) -> None:
    """InputError naming `label` and the columns it lacks."""
    missing = [c for c in columns if c not in frame.columns]
    if missing:
        known = {c.casefold(): c for c in frame.columns}
        close = [f"{c} is written {known[c.casefold()]}" for c in missing if c.casefold() in known]
        raise InputError(
            f"{label}: lacks column {', '.join(missing)}; "
            + (", ".join(close) or f"it has {', '.join(map(str, frame.columns[:12]))}")
        )
