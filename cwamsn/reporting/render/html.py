"""Tables as HTML, and the frame of every page."""

import html
from pathlib import Path

from cwamsn.reporting.render.lines import heads, label, lines, status
from cwamsn.reporting.table import BEST, SECOND, Table

CSS = Path(__file__).parent.with_name("page.css")


def to_html(table: Table) -> str:
    """The table as an HTML fragment, a figure with caption, table and notes, for a page that has :data:`CSS`."""
    classes = {"": "", BEST: "best", SECOND: "second", "quoted": "quoted", "missing": "missing"}

    def cell(item, column=None):
        text, style = item
        kind = " ".join(filter(None, [classes[style], "" if column is None or column.text else "number"]))
        return f"<td{f' class={chr(34)}{kind}{chr(34)}' if kind else ''}>{html.escape(text)}</td>"

    out = [f'<figure class="table" id="{table.name}">', f"<figcaption>{html.escape(table.title)}</figcaption>"]
    out.append('<div class="scroll"><table><thead><tr>')
    out += [f'<th scope="col">{html.escape(head)}</th>' for head in ["Method", "Status", *heads(table)]]
    out.append("</tr></thead><tbody>")
    for row, what, cells in lines(table):
        if what == "group":
            out.append(
                f'<tr><th scope="rowgroup" colspan="{len(table.columns) + 2}">{html.escape(cells[0][0])}</th></tr>'
            )
            continue
        body = "".join(cell(item, column) for item, column in zip(cells, table.columns, strict=True))
        out.append(f'<tr class="{what}">{cell(label(row, what))}{cell((status(row, what), ""))}{body}</tr>')
    out.append("</tbody></table></div><ul>")
    out += [f"<li>{html.escape(note)}</li>" for note in table.notes]
    return "\n".join([*out, "</ul></figure>"]) + "\n"


def html_page(title: str, body: str) -> str:
    """A whole HTML page that needs nothing beside itself."""
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<link rel="icon" href="data:,"><title>{html.escape(title)}</title><style>{CSS.read_text()}</style></head>'
        f"<body>{body}</body></html>\n"
    )


def to_html_page(table: Table) -> str:
    """The table as a page of its own, headed with the run's title."""
    heading = f"<header><h1>{html.escape(table.run)}</h1></header>" if table.run else ""
    title = f"{table.title} · {table.run}" if table.run else table.title
    return html_page(title, f"{heading}<main>\n{to_html(table)}</main>")


def fragment(page: str) -> str:
    """What :func:`to_html` gave, out of the page of :func:`to_html_page`."""
    end = "</figure>"
    return page[page.index('<figure class="table"') : page.rindex(end) + len(end)] + "\n"
