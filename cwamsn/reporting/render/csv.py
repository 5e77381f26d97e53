"""Tables as CSV: one line per row, and a column of its own for every number of a cell.

The file holds no time, machine or version, so that equal scores give equal bytes.
"""

import csv
import io

from cwamsn.reporting.table import Cell, Table


def to_csv(table: Table) -> str:
    """CSV: `row, method, group, status, seeds`; a column's value, `_std`, `_quoted`, `_difference`, `_mark`; `notes`.

    `notes` is what the row's jobs said about its result.
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
        line = [row.name, row.title, row.group, row.status, row.seeds or ""]
        for column in columns:
            cell = row.cells.get(column.key, Cell())
            if column.text:
                line += [cell.value or "", cell.published or ""]
            else:
                line += [_plain(cell.value), _plain(cell.std), cell.published or "", _plain(cell.difference), cell.mark]
        writer.writerow([*line, "; ".join(row.notes)])
    return out.getvalue()


def _plain(value: float | None) -> str:
    """Nine digits: enough for every use, too few to show the order in which a sum was taken."""
    return "" if value is None else f"{value + 0.0:.9g}"
