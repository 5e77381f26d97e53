"""A report as lines for a terminal: the verdict first, then what must be done, then what is known."""

import textwrap
from collections.abc import Iterable

from cwamsn.checks.report import Level, Report

_SHOWN = 12
"""Findings of a level that are shown; the page and the JSON have all."""


def lines(report: Report, width: int = 100) -> list[str]:
    """The report for a reader who has ten seconds.

    width : characters per line, at least 60.
    """
    width = max(width, 60)
    out = [f"{report.screen}: {report.verdict}", ""]
    for level in (Level.ERROR, Level.WARNING, Level.INFO):
        found = report.of(level)
        for finding in found[:_SHOWN]:
            out += _wrapped(f"{level:<8} {finding.about:<9} ", finding.text, width)
        if len(found) > _SHOWN:
            out.append(f"{level:<8} ... and {len(found) - _SHOWN} more, see the page")
    if report.findings:
        out.append("")
    for name, value in report.facts.items():
        out += _wrapped(f"{name:<18} ", value, width)
    return [*out, f"{'Checked in':<18} {report.seconds:.1f} s"]


def _wrapped(head: str, text: str, width: int) -> Iterable[str]:
    return textwrap.wrap(
        text, width, initial_indent=head, subsequent_indent=" " * len(head), break_long_words=False,
        break_on_hyphens=False,
    )  # fmt: skip
