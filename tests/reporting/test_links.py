"""The report links the pages that are there, and says how to make the others."""

import json
import re

import pytest

from cwamsn.reporting.links import LinkedPage, links, refresh_links


@pytest.fixture
def report(tmp_path):
    """A report that links two pages of a screen whose name would end a comment, and one elsewhere; none is there."""
    (tmp_path / "results" / "r").mkdir(parents=True)
    path = tmp_path / "results" / "r" / "report.html"
    screens = ("a", "b --> <c>")
    pages = [
        LinkedPage(title=f"Plates of {s}", path=str(tmp_path / f"results/r/plates/{s}.html"), target="plates")
        for s in screens
    ]
    pages.append(LinkedPage(title="Check of a", path=str(tmp_path / "data/a/check.html"), target="check"))
    path.write_text(f"<p>before</p>{links(pages, path, 'snakemake --cores all')}<p>after</p>")
    return path


def touch(report, name):
    (report.parent / name).parent.mkdir(parents=True, exist_ok=True)
    (report.parent / name).write_text("page")


def test_what_is_not_there_is_named_with_its_command(report):
    text = report.read_text()
    assert "<a " not in text
    assert "Plates of a, Plates of b --&gt; &lt;c&gt;. To make them: <code>snakemake --cores all plates</code>" in text
    assert "Check of a. To make it: <code>snakemake --cores all check</code>" in text


def test_a_page_that_is_made_later_is_linked_then_and_unlinked_when_it_is_gone(report):
    before = report.read_text()
    touch(report, "plates/b --> <c>.html")
    touch(report, "../../data/a/check.html")
    refresh_links(report)
    text = report.read_text()
    assert '<a href="plates/b%20--%3E%20%3Cc%3E.html">Plates of b --&gt; &lt;c&gt;</a>' in text
    assert '<a href="../../data/a/check.html">Check of a</a>' in text and "Not made yet: Plates of a. To" in text
    assert text.startswith("<p>before</p>") and text.endswith("<p>after</p>")
    (report.parent / "plates/b --> <c>.html").unlink()
    (report.parent / "../../data/a/check.html").unlink()
    refresh_links(report)
    assert report.read_text() == before


def test_no_page_is_named_by_where_it_was_made(report):
    """A folder that is copied elsewhere keeps its links."""
    kept = json.loads(re.search(r"<!-- pages (.*?) -->", report.read_text())[1])
    assert [page["path"] for page in kept["pages"]][::2] == ["plates/a.html", "../../data/a/check.html"]


def test_without_a_report_or_with_one_of_before_nothing_happens(tmp_path):
    refresh_links(tmp_path / "report.html")
    (tmp_path / "report.html").write_text("<p>old</p>")
    before = (tmp_path / "report.html").stat().st_mtime_ns
    refresh_links(tmp_path / "report.html")
    assert (tmp_path / "report.html").stat().st_mtime_ns == before
