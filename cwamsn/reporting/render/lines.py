"""A table as lines of text with a style each: what Markdown, LaTeX and HTML have in common.

A measured row is followed by what the paper publishes for it, where the screen is the paper's, with the difference.
"""

from itertools import groupby

from cwamsn.reporting.table import Cell, Column, Row, Table

IN_PAPER = "printed in the paper"
Text = tuple[str, str]  # a cell's text and its style: "", best, second, quoted or missing


def lines(table: Table) -> list[tuple[Row | None, str, list[Text]]]:
    """Lines of a table for reading: (row, what the line is, cells).

    What it is: `group` (a heading), `measured`, `printed` (below a measured row) or `quoted`.
    """
    found = []
    for group, rows in groupby(table.rows, key=lambda r: r.group):
        if group:
            found.append((None, "group", [(group, "")]))
        for row in rows:
            if not row.measured:
                found.append((row, "quoted", [_published(row.cells.get(c.key, Cell()), c) for c in table.columns]))
                continue
            found.append((row, "measured", [_measured(row, c) for c in table.columns]))
            if any(row.cells.get(c.key, Cell()).published for c in table.columns):
                found.append((row, "printed", [_published(row.cells.get(c.key, Cell()), c) for c in table.columns]))
    return found


def _measured(row: Row, column: Column) -> Text:
    cell = row.cells.get(column.key, Cell())
    if cell.value is None:
        return ("missing", "missing") if cell.mark == "missing" else ("", "")
    if isinstance(cell.value, str):
        return cell.value, ""
    text = f"{cell.value:.{column.decimals}f}"
    if cell.std is not None:
        text += f" ± {cell.std:.{column.decimals}f}"
    return text, cell.mark


def _published(cell: Cell, column: Column) -> Text:
    if not cell.published:
        return "", ""
    text = cell.published + (f" ± {cell.published_std}" if cell.published_std else "")
    if cell.difference is not None and not column.timed:  # hours of two devices do not compare
        text += f" ({cell.difference:+.{column.decimals}f})"
    return text, "quoted"


def label(row: Row, what: str) -> Text:
    if what == "printed":
        return f"↳ {IN_PAPER}", "quoted"
    return row.title, "quoted" if what == "quoted" else ""


def status(row: Row, what: str) -> str:
    if what == "measured":
        seeds = f"{row.seeds} seed{'s' if row.seeds != 1 else ''}" if row.seeds else "computed"
        return row.status if row.gaps else seeds
    return "quoted"


def heads(table: Table) -> list[str]:
    arrows = {"high": " ↑", "low": " ↓", None: ""}
    return [f"{c.group + ' ' if c.group else ''}{c.title}{arrows[c.better]}" for c in table.columns]
