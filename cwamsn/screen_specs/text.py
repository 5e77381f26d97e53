"""Text tables as hosts, laboratories and spreadsheets write them."""

import csv
import gzip
import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cwamsn.errors import InputError

# How tables write that a cell is empty.
NOTHING = frozenset({"", "na", "n/a", "#n/a", "<na>", "nan", "none", "null"})
_SEPARATORS = (",", ";", "\t", "|")
_OTHER_FILES = {
    b"PK\x03\x04": "an Excel workbook or a zip archive; save it as CSV",
    b"\xd0\xcf\x11\xe0": "an Excel workbook; save it as CSV",
    b"version https://git-lfs": "a Git LFS pointer; fetch the file itself (git lfs pull)",
    b"PAR1": "a Parquet file; save it as CSV",
    b"\xff\xfe": "UTF-16 text; save it as CSV in UTF-8",
    b"\xfe\xff": "UTF-16 text; save it as CSV in UTF-8",
}


@dataclass(frozen=True)
class TextTable:
    """A table whose every cell is text without surrounding blanks, an empty cell ''."""

    label: str
    """Path or URL of the file, for messages."""
    columns: list[str]
    rows: dict[int, list[str]]
    """Cells by the number of the row in the file, from 0. Rows that are wholly empty are left out."""

    def place(self, column: str) -> int:
        """Position of a column in each row."""
        return self.columns.index(column)


def read_rows(path: Path, label: str, separator: str = ",") -> TextTable:
    """Read a text table.

    Parameters
    ----------
    path : CSV file, gzipped or not, in UTF-8.
    label : names the file in messages.
    separator : column separator. A header that does not hold it but another usual one is read with that.

    Raises
    ------
    InputError
        For a table without rows, a row with more cells than the header, and a column that appears twice with different
        contents.
    """
    text = _text(path, label)
    header = text.partition("\n")[0]
    if separator not in header:
        separator = max(_SEPARATORS, key=lambda s: (header.count(s), s == separator))
    try:
        lines = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True))
    except csv.Error as error:
        raise InputError(f"{label}: not a readable table ({error})") from None
    names = [name.strip() for name in lines[0]] if lines else []
    if not any(names):
        raise InputError(f"{label}: not a readable table (it has no header)")
    rows = {k: [cell.strip() for cell in line] for k, line in enumerate(lines[1:])}
    rows = {k: row for k, row in rows.items() if any(row)}
    if not rows:
        raise InputError(f"{label}: has no row below its header; fill it in")
    for k, row in rows.items():
        if any(row[len(names) :]):
            raise InputError(
                f"{label}: row {k} has {len(row)} cells, the header {len(names)}; a cell that holds "
                f"{separator!r} must be quoted"
            )
    rows = {k: row[: len(names)] + [""] * (len(names) - len(row)) for k, row in rows.items()}
    return _one_of_each(rows, names, label)


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


def _one_of_each(rows: dict[int, list[str]], names: list[str], label: str) -> TextTable:
    """The named columns; of two with the same name and cells, the first."""
    first: dict[str, int] = {}
    for k, name in enumerate(names):
        if name in first and name and any(row[k] != row[first[name]] for row in rows.values()):
            raise InputError(f"{label}: column {name} appears twice, with different contents; keep one")
        first.setdefault(name, k)
    first.pop("", None)
    chosen = list(first.values())
    if chosen != list(range(len(names))):
        rows = {number: [row[k] for k in chosen] for number, row in rows.items()}
    return TextTable(label, list(first), rows)


def require_columns(known: Iterable[object], columns: tuple[str, ...], label: str) -> None:
    """InputError naming `label` and those of `columns` that are not among the `known` columns of a table."""
    names = [str(name) for name in known]
    missing = [c for c in columns if c not in names]
    if missing:
        folded = {c.casefold(): c for c in names}
        close = [f"{c} is written {folded[c.casefold()]}" for c in missing if c.casefold() in folded]
        raise InputError(
            f"{label}: lacks column {', '.join(missing)}; " + (", ".join(close) or f"it has {', '.join(names[:12])}")
        )
