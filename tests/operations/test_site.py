"""The documentation as a site: its links lead somewhere, its pages ask no other host, its API page is filled."""

import functools
import json
import re
import shutil
import subprocess
import sys
import threading
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.workflow.chain import ROOT


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Built with warnings as errors: links and anchors are checked by MkDocs."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr[-3000:]
    return folder


def test_every_table_of_the_documentation_has_its_header():
    """A row that a blank line cuts off is shown as text with bars."""
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), ROOT / "config" / "README.md"]:
        for block in re.findall(r"(?m)(?:^\|.*\n?)+", page.read_text()):
            assert re.match(r"\|.*\n\|[\s:|-]+\|", block), f"{page}: no header above {block[:80]}"


class Loads(HTMLParser):
    """Addresses that a browser asks for when it shows a page; links to click are none."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        wanted = {"link": ["href"]}.get(tag, ["src", "srcset", "data", "poster"])
        self.found += [value for name, value in attrs if name in wanted and value]


@pytest.mark.slow
def test_no_page_asks_another_host(site):
    pages = list(site.rglob("*.html"))
    assert len(pages) > 15
    for page in pages:
        loads = Loads()
        loads.feed(page.read_text())
        assert not [x for x in loads.found if re.match(r"(?i)([a-z]+:)?//", x)], page
    for sheet in site.rglob("*.css"):
        assert not re.search(r"(?i)(@import|url\(\s*['\"]?(https?:)?//)", sheet.read_text()), sheet


@pytest.mark.slow
def test_every_page_is_reached_from_the_front_page(site):
    linked = {*re.findall(r'href="([\w./-]+\.html)', (site / "index.html").read_text()), "index.html"}
    pages = {page.relative_to(site).as_posix() for page in site.rglob("*.html")}
    assert pages - linked == {"404.html", "search.html"}


@pytest.mark.slow
def test_the_library_page_shows_parameters_and_search_finds_them(site):
    text = (site / "api.html").read_text()
    for name in ("alignment.align", "benchmarks.gene_gene_recall", "embeddings.read_embeddings", "training.train"):
        assert f'id="cwamsn.{name}"' in text
    assert not re.search(r":(func|mod|class):", text), "roles become code"
    index = json.loads((site / "search" / "search_index.json").read_text())
    assert any("gene_gene_recall" in entry["text"] + entry["title"] for entry in index["docs"])


@pytest.mark.privileged
def test_a_browser_that_reaches_no_other_host_shows_the_page_whole(site, tmp_path):
    browser = shutil.which("chromium")
    if browser is None:
        pytest.skip("chromium is not installed (apt-get install chromium)")
    handler = functools.partial(SilentHandler, directory=str(site))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
        command += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
        command += ["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--enable-logging=stderr"]
        command += [f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=10000"]
        command += ["--dump-dom", f"http://127.0.0.1:{server.server_port}/index.html"]
        result = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
        server.shutdown()
    assert "benchmarks.html" in result.stdout
    failed = re.findall(r"CONSOLE.*(?:Failed to load|ERR_|Error).*", result.stderr)
    assert not failed


class SilentHandler(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass
