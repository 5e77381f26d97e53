"""Pages of the site that lie outside docs/, and links as GitHub reads them turned into links of the site.

README.md becomes the front page; config/README.md, CHANGELOG.md and CONTRIBUTING.md become pages. A link to any other
file of the repository keeps its text only; a link to a missing file is a warning, hence an error of `--strict`.
"""

import logging
import posixpath
import re
from pathlib import Path

from mkdocs.structure.files import File
from pygments.formatters import HtmlFormatter

ROOT = Path(__file__).resolve().parents[2]
# file of the repository: page of the site
OUTSIDE = {
    "README.md": "index.md",
    "config/README.md": "configuration.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
}
LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s#]+)(#[^)\s]*)?\)")
log = logging.getLogger("mkdocs.hooks.site")


def on_files(files, config):
    """Add the pages that lie outside docs/, and the colours of code."""
    for source, page in OUTSIDE.items():
        files.append(File.generated(config, page, content=(ROOT / source).read_text()))
    files.append(File.generated(config, "stylesheets/code.css", content=HtmlFormatter().get_style_defs(".highlight")))
    return files


def on_page_markdown(markdown, page, config, files):
    """Every relative link, resolved in the repository and written as a link of the site."""
    here = page.file.src_uri
    source = next((file for file, name in OUTSIDE.items() if name == here), f"docs/{here}")

    def rewritten(link):
        image, text, target, anchor = link.groups()
        if re.match(r"[a-z]+:", target):
            return link[0]
        path = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
        name = OUTSIDE.get(path, path.removeprefix("docs/") if path.startswith("docs/") else None)
        if name and files.get_file_from_path(name):
            return f"{image}[{text}]({posixpath.relpath(name, posixpath.dirname(here) or '.')}{anchor or ''})"
        if not (ROOT / path).exists():
            log.warning("%s: no file %s", source, path)
        return text if not image else link[0]

    return LINK.sub(rewritten, markdown)
