"""Tables as CSV: one line per row, and a column of its own for every number of a cell.

The file holds no time, machine or version, so that equal scores give equal bytes.
"""

import csv
import io

from cwamsn.reporting.table import Cell, Column, Table


def to_csv(table: Table) -> str:
    """CSV: `row, method, group, status, seeds`; a column's value, `_std`, `_quoted`, `_difference`, `_mark`; `notes`.

    `notes` is what the method's jobs noted about its result.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    columns = [c for c in table.columns if not c.timed]
    header = ["row", "method", "group", "status", "seeds"]
    for column in columns:
        parts = ["", "_quoted"] if column.text else ["", "_std", "_quoted", "_difference", "_mark"]
        header += [column.key + part for part in parts]
    writer.writerow([*header, "notes"])
    for row in table.rows:
        cells = (text for c in columns for text in _texts(row.cells.get(c.key, Cell()), c))
        start = [row.name, row.title, row.group, row.status, row.seeds or ""]
        writer.writerow([*start, *cells, "; ".join(row.notes)])
    return out.getvalue()


def _texts(cell: Cell, column: Column) -> list[str]:
    published = cell.published or ""
    if column.text:
        return [str(cell.value or ""), published]
    return [_number(cell.value), _number(cell.std), published, _number(cell.difference), cell.mark]


def _number(value: float | str | None) -> str:
    """Nine digits: enough for every use, too few to show the order in which a sum was taken."""
    return "" if value is None else f"{float(value) + 0.0:.9g}"
