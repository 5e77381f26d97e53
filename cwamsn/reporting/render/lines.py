"""A table as lines of text with a style each: what Markdown, LaTeX and HTML have in common.

A measured row is followed by what the paper publishes for it, where the screen is the paper's, with the difference.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal, NamedTuple

from cwamsn.reporting.table import MISSING, Cell, Column, Row, Table


class Text(NamedTuple):
    """Text of a cell and its style: "", best, second, quoted or missing."""

    text: str
    style: str = ""


@dataclass(frozen=True)
class Line:
    """One line: a `group` is a heading and has a label alone, `published` follows the measured row it belongs to."""

    what: Literal["group", "measured", "published", "quoted"]
    label: Text
    status: str = ""
    cells: Sequence[Text] = ()


def lines(table: Table) -> list[Line]:
    """Lines of a table for reading."""
    found = []
    for group, rows in groupby(table.rows, key=lambda r: r.group):
        if group:
            found.append(Line("group", Text(group)))
        for row in rows:
            paper = [_published(row.cells.get(c.key, Cell()), c) for c in table.columns]
            if not row.measured:
                found.append(Line("quoted", Text(row.title, "quoted"), "quoted", paper))
                continue
            found.append(Line("measured", Text(row.title), _status(row), [_measured(row, c) for c in table.columns]))
            if any(cell.text for cell in paper):
                found.append(Line("published", Text(f"↳ {table.published_in}", "quoted"), "quoted", paper))
    return found


def heads(table: Table) -> list[str]:
    """Titles of all columns, the first two included, with an arrow towards the good end."""
    own = [f"{c.group + ' ' if c.group else ''}{c.title}{arrow(c)}" for c in table.columns]
    return ["Method", "Status", *own]


def arrow(column: Column) -> str:
    """An arrow towards the good end of a column."""
    return {"high": " ↑", "low": " ↓", None: ""}[column.better]


def _measured(row: Row, column: Column) -> Text:
    cell = row.cells.get(column.key, Cell())
    if cell.value is None:
        return Text("missing", "missing") if cell.mark == MISSING else Text("")
    if isinstance(cell.value, str):
        return Text(cell.value)
    text = f"{cell.value:.{column.decimals}f}"
    if cell.std is not None:
        text += f" ± {cell.std:.{column.decimals}f}"
    return Text(text, cell.mark)


def _published(cell: Cell, column: Column) -> Text:
    if not cell.published:
        return Text("")
    text = cell.published + (f" ± {cell.published_std}" if cell.published_std else "")
    if cell.difference is not None and not column.timed:  # hours of two devices do not compare
        text += f" ({cell.difference:+.{column.decimals}f})"
    return Text(text, "quoted")


def _status(row: Row) -> str:
    seeds = f"{row.seeds} seed{'s' if row.seeds != 1 else ''}" if row.seeds else "computed"
    return row.status if row.gaps else seeds
