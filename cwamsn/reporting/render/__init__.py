"""Tables as files, by suffix: CSV for programs; Markdown, LaTeX and HTML for reading."""

from collections.abc import Callable

from cwamsn.reporting.render.csv import to_csv
from cwamsn.reporting.render.html import fragment, to_html, to_html_page
from cwamsn.reporting.render.latex import tex, to_latex
from cwamsn.reporting.render.markdown import to_markdown
from cwamsn.reporting.table import Table

__all__ = ["RENDERERS", "fragment", "tex", "to_csv", "to_html", "to_html_page", "to_latex", "to_markdown"]

RENDERERS: dict[str, Callable[[Table], str]] = {
    ".csv": to_csv,
    ".md": to_markdown,
    ".tex": to_latex,
    ".html": to_html_page,
}
