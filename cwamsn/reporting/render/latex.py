"""Tables as LaTeX."""

from cwamsn.reporting.render.lines import heads, label, lines, status
from cwamsn.reporting.table import BEST, SECOND, Table


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
    out += [" & ".join(["Method", "Status", *map(tex, heads(table))]) + r" \\", r"\midrule"]
    for row, what, cells in lines(table):
        if what == "group":
            width = len(table.columns) + 2
            out.append(rf"\multicolumn{{{width}}}{{l}}{{\textbf{{{tex(cells[0][0])}}}}} \\")
        else:
            out.append(" & ".join([show(label(row, what)), tex(status(row, what)), *map(show, cells)]) + r" \\")
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
