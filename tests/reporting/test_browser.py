"""The report in a real browser: no error, no request, nothing cut off at 400 and 1,400 px, light and dark, on paper."""

import pytest

from cwamsn.reporting import make_table, write_table
from cwamsn.reporting.drawing import save
from cwamsn.reporting.figures import FIGURES
from cwamsn.reporting.page import ReportInputs, write_report
from tests.browser import Browser
from tests.reporting.test_page import RECORD, write_screen

pytestmark = pytest.mark.privileged
TABLES = ["table1", "table2", "table7", "table8"]
LIGHT, DARK = "rgb(255, 255, 255)", "rgb(20, 25, 31)"


@pytest.fixture
def report(methods, scores, score_files, on_rxrx3_core, tmp_path):
    for name in TABLES:
        write_table(make_table(name, methods, scores, on_rxrx3_core), [tmp_path / f"{name}.html"])
    for name, draw in FIGURES.items():
        save(draw(methods, scores, on_rxrx3_core), [tmp_path / f"{name}.png"])
    write_screen(tmp_path / "screen")
    inputs = ReportInputs(
        record=RECORD,
        simulated=True,
        methods=methods,
        tables={"": [tmp_path / f"{name}.html" for name in TABLES]},
        figures={"": [tmp_path / f"{name}.png" for name in FIGURES]},
        screens={"s": tmp_path / "screen"},
        scores=list(score_files.values()),
    )
    write_report(inputs, tmp_path / "report.html")
    return tmp_path / "report.html"


def ground(page):
    return page.run("getComputedStyle(document.body).backgroundColor")


def cut_off(page):
    """Cells of tables whose text is wider than the window, or than themselves."""
    script = """[...document.querySelectorAll("figure.table td, figure.table th[scope=row]")]
      .filter(e => e.offsetParent)
      .filter(e => (e.getBoundingClientRect().right > innerWidth + 1 || e.scrollWidth > e.clientWidth + 1))
      .map(e => e.closest("figure").id + ": " + e.textContent)"""
    return page.run(script)


def test_the_report_at_two_widths_in_both_themes_and_on_paper(report, tmp_path):
    with Browser(tmp_path / "browser") as browser:
        page = browser.open(report, width=1400)
        assert page.run("document.documentElement.scrollWidth <= innerWidth") and cut_off(page) == []
        assert page.run("[...document.images].every(i => i.complete && i.naturalWidth && i.alt)")
        assert page.run("document.querySelector('#table1 thead').getBoundingClientRect().height") > 10
        page.resize(400, 900)
        assert page.run("document.documentElement.scrollWidth <= innerWidth") and cut_off(page) == []
        label = "getComputedStyle(document.querySelector('#table1 td.best'), '::before').content"
        assert page.run(label) == '"CORUM ↑"', "each number stands beside the name of its column"

        assert ground(page) == LIGHT
        page.theme(dark=True)
        assert ground(page) == DARK
        assert "invert" in page.run("getComputedStyle(document.querySelector('img.chart')).filter")
        page.click_on("#theme-light")
        assert ground(page) == LIGHT, "the page's own choice comes first"
        assert page.run("getComputedStyle(document.querySelector('img.chart')).filter") == "none"
        page.key("ArrowRight")  # from the keyboard
        assert page.run("document.querySelector('#theme-dark').checked") and ground(page) == DARK
        assert page.print_pdf(tmp_path / "report.pdf").read_bytes().startswith(b"%PDF")
        page.call("Emulation.setEmulatedMedia", media="print")
        assert ground(page) == LIGHT and page.run("document.querySelector('nav').offsetParent") is None
        assert page.problems == []
