"""Links of a report to the pages that a run makes on request: plates, maps, checks. A page that is made later is linked
then, see :func:`refresh_links`; the report itself is not made again for it."""

import json
import os
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import quote

from cwamsn.files import atomic_path
from cwamsn.reporting.pages import render

BEGIN, END = "<!-- pages ", "<!-- /pages -->"


@dataclass(frozen=True, kw_only=True)
class LinkedPage:
    """A page that a run can have."""

    title: str
    path: str
    """Where it is or would be, relative to the folder that the workflow runs in, or absolute."""
    target: str
    """What makes it: a target of the workflow."""


def links(pages: Sequence[LinkedPage], report: str | Path, command: str) -> str:
    """The links as HTML: of pages that exist, and how to make the others.

    Parameters
    ----------
    pages : what the run can have.
    report : file of the report, which the links are relative to.
    command : what makes a part of the run, followed by a target.
    """
    folder = Path(report).parent
    known = [asdict(page) | {"path": os.path.relpath(page.path, folder)} for page in pages]
    return _fragment(known, folder, command)


def refresh_links(report: str | Path) -> None:
    """Link pages that were made, and no longer those that were removed; nothing where there is no report."""
    report = Path(report)
    if not report.exists():
        return
    text = report.read_text()
    found = re.search(rf"{BEGIN}(.*?) -->.*?{END}", text, re.DOTALL)
    if found is None:  # of an earlier version
        return
    kept = json.loads(found[1])
    fresh = _fragment(kept["pages"], report.parent, kept["command"])
    if fresh != found[0]:
        with atomic_path(report) as temporary:
            temporary.write_text(text[: found.start()] + fresh + text[found.end() :])


def _fragment(pages: Sequence[dict[str, str]], folder: Path, command: str) -> str:
    # `>` and `-` as JSON escapes: no path can end the comment
    kept = json.dumps({"pages": pages, "command": command}).replace("--", r"-\u002d").replace(">", r"\u003e")
    there = [page | {"link": quote(page["path"])} for page in pages if (folder / page["path"]).exists()]
    absent: dict[str, list[str]] = {}
    for page in pages:
        if not (folder / page["path"]).exists():
            absent.setdefault(f"{command} {page['target']}", []).append(page["title"])
    body = render("links.html.j2", there=there, absent=absent)
    return f"{BEGIN}{kept} -->\n{body}{END}"
