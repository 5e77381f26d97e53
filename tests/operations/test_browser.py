"""The browser that tests of pages drive tells of errors and of requests, and does what a reader does."""

import pytest

from tests.browser import Browser

PAGE = """<!DOCTYPE html><title>a page</title><link rel="icon" href="data:,"><input id="name"><button>go</button>
<script>
document.querySelector('button').onclick = () => { document.title = document.querySelector('input').value };
if (location.hash === '#bad') { console.error('said so'); fetch('https://example.org/x').catch(() => 0); oops() }
</script>"""


@pytest.mark.privileged
def test_a_page_is_typed_into_clicked_and_its_problems_are_told(tmp_path):
    path = tmp_path / "page.html"
    path.write_text(PAGE)
    with Browser(tmp_path) as browser:
        page = browser.open(path, width=400, height=300, dark=True)
        page.click_on("input")
        page.type("typed")
        page.click_on("button")
        assert page.wait("document.title === 'typed'")
        assert page.run("[innerWidth, matchMedia('(prefers-color-scheme: dark)').matches]") == [400, True]
        assert page.problems == []
        assert page.screenshot(tmp_path / "shot.png").read_bytes()[:4] == b"\x89PNG"
        bad = browser.open(path, fragment="bad")
        bad.wait("document.readyState === 'complete'")
        text = "\n".join(bad.problems)
        assert "said so" in text and "oops is not defined" in text and "asked https://example.org/x" in text
        assert bad.asked == ["https://example.org/x"] and page.problems == []
