"""Tables as GitHub Markdown."""

from cwamsn.reporting.render.lines import heads, label, lines, status
from cwamsn.reporting.table import BEST, SECOND, Table


def to_markdown(table: Table) -> str:
    """GitHub Markdown: best bold, second best underlined, quoted numbers in italics."""
    styles = {"": "{}", BEST: "**{}**", SECOND: "<ins>{}</ins>", "quoted": "*{}*", "missing": "**{}**"}

    def show(item):
        text, style = item
        text = text.replace("|", "\\|").replace("*", "\\*")
        return styles[style].format(text) if text else ""

    out = [f"# {table.title}", ""]
    out.append("| " + " | ".join(["Method", "Status", *heads(table)]) + " |")
    out.append("|---|---|" + "".join("---|" if c.text else "--:|" for c in table.columns))
    for row, what, cells in lines(table):
        if what == "group":
            out.append("| **" + cells[0][0] + "** |" + " |" * (len(table.columns) + 1))
        else:
            out.append("| " + " | ".join([show(label(row, what)), status(row, what), *map(show, cells)]) + " |")
    return "\n".join([*out, "", *(f"- {note}" for note in table.notes)]) + "\n"
