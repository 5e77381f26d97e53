"""Tables as HTML."""

from cwamsn.reporting.pages import render
from cwamsn.reporting.render.lines import heads, lines
from cwamsn.reporting.table import Table

FIRST, LAST = '<figure class="table"', "</figure>\n"


def to_html(table: Table) -> str:
    """The table as an HTML fragment: a figure with caption, table and notes."""
    return render("table.html.j2", table=table, heads=heads(table), lines=lines(table))


def to_html_page(table: Table) -> str:
    """The table as a page of its own, under the run's title."""
    return render("table_page.html.j2", table=table, heads=heads(table), lines=lines(table))


def fragment(page: str) -> str:
    """What :func:`to_html` gave, taken from the page of :func:`to_html_page`."""
    return page[page.index(FIRST) : page.rindex(LAST) + len(LAST)]
