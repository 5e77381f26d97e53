"""Tables as LaTeX."""

from cwamsn.reporting.render.lines import Text, heads, lines
from cwamsn.reporting.table import BEST, SECOND, Table

STYLES = {
    "": "{}",
    BEST: r"\textbf{{{}}}",
    SECOND: r"\underline{{{}}}",
    "quoted": r"\textit{{{}}}",
    "missing": r"\textbf{{{}}}",
}


def to_latex(table: Table) -> str:
    """LaTeX `table` with booktabs rules; needs `\\usepackage{booktabs}`."""
    out = [
        r"\begin{table}",
        r"\centering",
        r"\small",
        rf"\caption{{{tex(table.title)}}}",
        rf"\label{{tab:{table.anchor}}}",
    ]
    out += [r"\begin{tabular}{ll" + "".join("l" if c.text else "r" for c in table.columns) + "}", r"\toprule"]
    out += [" & ".join(map(tex, heads(table))) + r" \\", r"\midrule"]
    for line in lines(table):
        if line.what == "group":
            width = len(table.columns) + 2
            out.append(rf"\multicolumn{{{width}}}{{l}}{{\textbf{{{tex(line.label.text)}}}}} \\")
        else:
            out.append(" & ".join([_styled(line.label), tex(line.status), *map(_styled, line.cells)]) + r" \\")
    out += [r"\bottomrule", r"\end{tabular}"]
    if table.notes:
        out += ["", r"\medskip", r"\begin{minipage}{\linewidth}\footnotesize"]
        out += [tex(note) + r"\par" for note in table.notes] + [r"\end{minipage}"]
    return "\n".join([*out, r"\end{table}"]) + "\n"


def _styled(cell: Text) -> str:
    return STYLES[cell.style].format(tex(cell.text)) if cell.text else ""


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
