"""Tables as HTML."""

from itertools import groupby
from typing import NamedTuple

from cwamsn.reporting.pages import render
from cwamsn.reporting.render.lines import arrow, heads, lines
from cwamsn.reporting.table import Table

FIRST, LAST = '<figure class="table"', "</figure>\n"


class Head(NamedTuple):
    """A heading: its text, how many columns and lines of the heading it spans, whether it is of a group of columns."""

    text: str
    columns: int = 1
    rows: int = 1
    group: bool = False


def to_html(table: Table) -> str:
    """The table as an HTML fragment: a figure with caption, table and notes."""
    return render("table.html.j2", **_values(table))


def to_html_page(table: Table) -> str:
    """The table as a page of its own, under the run's title."""
    return render("table_page.html.j2", **_values(table))


def fragment(page: str) -> str:
    """What :func:`to_html` gave, taken from the page of :func:`to_html_page`."""
    return page[page.index(FIRST) : page.rindex(LAST) + len(LAST)]


def _values(table: Table) -> dict[str, object]:
    return {"table": table, "heads": heads(table), "head_lines": head_lines(table), "lines": lines(table)}


def head_lines(table: Table) -> list[list[Head]]:
    """The heading in one line, or in two where neighbouring columns share a group: its name above theirs."""
    groups = [(name, list(columns)) for name, columns in groupby(table.columns, key=lambda c: c.group)]
    if not any(name and len(columns) > 1 for name, columns in groups):
        return [[Head(_unbroken(text)) for text in heads(table)]]
    upper, lower = [Head(text, rows=2) for text in heads(table)[:2]], []
    for name, columns in groups:
        if name:
            upper.append(Head(name.rstrip(","), columns=len(columns), group=True))
            lower += [Head(_unbroken(f"{c.title}{arrow(c)}")) for c in columns]
        else:
            upper += [Head(_unbroken(f"{c.title}{arrow(c)}"), rows=2) for c in columns]
    return [upper, lower]


def _unbroken(text: str) -> str:
    """No line begins with an arrow."""
    return text.replace(" ↑", "\u00a0↑").replace(" ↓", "\u00a0↓")
