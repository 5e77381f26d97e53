"""Tables as GitHub Markdown."""

from cwamsn.reporting.render.lines import Text, heads, lines
from cwamsn.reporting.table import BEST, SECOND, Table

STYLES = {"": "{}", BEST: "**{}**", SECOND: "<ins>{}</ins>", "quoted": "*{}*", "missing": "**{}**"}


def to_markdown(table: Table) -> str:
    """GitHub Markdown: best bold, second best underlined, published numbers in italics."""
    out = [f"# {table.title}", ""]
    out.append("| " + " | ".join(heads(table)) + " |")
    out.append("|---|---|" + "".join("---|" if c.text else "--:|" for c in table.columns))
    for line in lines(table):
        if line.what == "group":
            out.append("| **" + line.label.text + "** |" + " |" * (len(table.columns) + 1))
        else:
            out.append("| " + " | ".join([_styled(line.label), line.status, *map(_styled, line.cells)]) + " |")
    return "\n".join([*out, "", *(f"- {note}" for note in table.notes)]) + "\n"


def _styled(cell: Text) -> str:
    text = cell.text.replace("|", "\\|").replace("*", "\\*")
    return STYLES[cell.style].format(text) if text else ""
