"""Tables as CSV, Markdown, LaTeX and HTML.

The CSV holds one line a row and every number of a cell in a column of its own; it holds no time, machine or version, so
that equal scores give equal bytes. The other three are for reading: under a measured row stands what the paper prints
for it, where the screen is the paper's, in italics, with the difference.
"""

import csv
import html
import io
from collections.abc import Callable
from itertools import groupby
from pathlib import Path

from cwamsn.reporting.layout import BEST, SECOND, Cell, Column, Row, Table

PRINTED = "printed in the paper"
CSS = Path(__file__).with_name("page.css")
Text = tuple[str, str]  # a cell's text and its style: "", best, second, quoted or missing


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
                line += [cell.value or "", cell.quoted or ""]
            else:
                line += [_plain(cell.value), _plain(cell.std), cell.quoted or "", _plain(cell.difference), cell.mark]
        writer.writerow([*line, "; ".join(row.notes)])
    return out.getvalue()


def _plain(value: float | None) -> str:
    """Nine digits: enough for every use, too few to show the order in which a sum was taken."""
    return "" if value is None else f"{value + 0.0:.9g}"


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
                found.append((row, "quoted", [_quoted(row.cells.get(c.key, Cell()), c) for c in table.columns]))
                continue
            found.append((row, "measured", [_measured(row, c) for c in table.columns]))
            if any(row.cells.get(c.key, Cell()).quoted for c in table.columns):
                found.append((row, "printed", [_quoted(row.cells.get(c.key, Cell()), c) for c in table.columns]))
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


def _quoted(cell: Cell, column: Column) -> Text:
    if not cell.quoted:
        return "", ""
    text = cell.quoted + (f" ± {cell.quoted_std}" if cell.quoted_std else "")
    if cell.difference is not None and not column.timed:  # hours of two devices do not compare
        text += f" ({cell.difference:+.{column.decimals}f})"
    return text, "quoted"


def _label(row: Row, what: str) -> Text:
    if what == "printed":
        return f"↳ {PRINTED}", "quoted"
    return row.title, "quoted" if what == "quoted" else ""


def _status(row: Row, what: str) -> str:
    if what == "measured":
        seeds = f"{row.seeds} seed{'s' if row.seeds != 1 else ''}" if row.seeds else "computed"
        return row.status if row.gaps else seeds
    return "quoted"


def _heads(table: Table) -> list[str]:
    arrows = {"high": " ↑", "low": " ↓", None: ""}
    return [f"{c.group + ' ' if c.group else ''}{c.title}{arrows[c.better]}" for c in table.columns]


def to_markdown(table: Table) -> str:
    """GitHub Markdown: best bold, second best underlined, quoted numbers in italics."""
    styles = {"": "{}", BEST: "**{}**", SECOND: "<ins>{}</ins>", "quoted": "*{}*", "missing": "**{}**"}

    def show(item):
        text, style = item
        text = text.replace("|", "\\|").replace("*", "\\*")
        return styles[style].format(text) if text else ""

    out = [f"# {table.title}", ""]
    out.append("| " + " | ".join(["Method", "Status", *_heads(table)]) + " |")
    out.append("|---|---|" + "".join("---|" if c.text else "--:|" for c in table.columns))
    for row, what, cells in lines(table):
        if what == "group":
            out.append("| **" + cells[0][0] + "** |" + " |" * (len(table.columns) + 1))
        else:
            out.append("| " + " | ".join([show(_label(row, what)), _status(row, what), *map(show, cells)]) + " |")
    return "\n".join([*out, "", *(f"- {note}" for note in table.notes)]) + "\n"


def to_latex(table: Table) -> str:
    """LaTeX `table` with booktabs rules; needs `\\usepackage{booktabs}`."""
    styles = {
        "": "{}",
        BEST: r"\textbf{{{}}}",
        SECOND: r"\underline{{{}}}",
        "quoted": r"\textit{{{}}}",
        "missing": r"\textbf{{{}}}",
    }

    def show(item):
        text, style = item
        return styles[style].format(tex(text)) if text else ""

    out = [
        r"\begin{table}",
        r"\centering",
        r"\small",
        rf"\caption{{{tex(table.title)}}}",
        rf"\label{{tab:{table.name}}}",
    ]
    out += [r"\begin{tabular}{ll" + "".join("l" if c.text else "r" for c in table.columns) + "}", r"\toprule"]
    out += [" & ".join(["Method", "Status", *map(tex, _heads(table))]) + r" \\", r"\midrule"]
    for row, what, cells in lines(table):
        if what == "group":
            width = len(table.columns) + 2
            out.append(rf"\multicolumn{{{width}}}{{l}}{{\textbf{{{tex(cells[0][0])}}}}} \\")
        else:
            out.append(" & ".join([show(_label(row, what)), tex(_status(row, what)), *map(show, cells)]) + r" \\")
    out += [r"\bottomrule", r"\end{tabular}"]
    if table.notes:
        out += ["", r"\medskip", r"\begin{minipage}{\linewidth}\footnotesize"]
        out += [tex(note) + r"\par" for note in table.notes] + [r"\end{minipage}"]
    return "\n".join([*out, r"\end{table}"]) + "\n"


def tex(text: str) -> str:
    """Text as LaTeX source."""
    special = {c: "\\" + c for c in "&%$#_{}"} | {
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": "$<$",
        ">": "$>$",
        "±": r"$\pm$",
        "µ": r"$\mu$",
        "↑": r"$\uparrow$",
        "↓": r"$\downarrow$",
        "↳": r"$\hookrightarrow$",
        "−": "$-$",
        "×": r"$\times$",
        "·": r"$\cdot$",
        "…": r"\ldots{}",
    }
    return "".join(special.get(c, c) for c in text)


def to_html(table: Table) -> str:
    """The table as an HTML fragment, a figure with caption, table and notes, for a page that has :data:`CSS`."""
    classes = {"": "", BEST: "best", SECOND: "second", "quoted": "quoted", "missing": "missing"}

    def cell(item, column=None):
        text, style = item
        kind = " ".join(filter(None, [classes[style], "" if column is None or column.text else "number"]))
        return f"<td{f' class={chr(34)}{kind}{chr(34)}' if kind else ''}>{html.escape(text)}</td>"

    out = [f'<figure class="table" id="{table.name}">', f"<figcaption>{html.escape(table.title)}</figcaption>"]
    out.append('<div class="scroll"><table><thead><tr>')
    out += [f'<th scope="col">{html.escape(head)}</th>' for head in ["Method", "Status", *_heads(table)]]
    out.append("</tr></thead><tbody>")
    for row, what, cells in lines(table):
        if what == "group":
            out.append(
                f'<tr><th scope="rowgroup" colspan="{len(table.columns) + 2}">{html.escape(cells[0][0])}</th></tr>'
            )
            continue
        body = "".join(cell(item, column) for item, column in zip(cells, table.columns, strict=True))
        out.append(f'<tr class="{what}">{cell(_label(row, what))}{cell((_status(row, what), ""))}{body}</tr>')
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


RENDERERS: dict[str, Callable[[Table], str]] = {
    ".csv": to_csv,
    ".md": to_markdown,
    ".tex": to_latex,
    ".html": to_html_page,
}
