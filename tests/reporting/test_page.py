"""The report: one page that needs nothing else, readable at 400 and at 1,400 pixels."""

import json
import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from cwamsn import tables
from cwamsn.crops.store import ShardWriter
from cwamsn.reporting import TableMethod, make_table, quality, write_table
from cwamsn.reporting.drawing import save
from cwamsn.reporting.figures import figure3
from cwamsn.reporting.page import ReportInputs, write_report
from cwamsn.reporting.quality import reasons, suspicious, warned


def joined(page):
    """The text of a page without the line breaks between its elements."""
    return re.sub(r"\n+(?=<)|(?<=>)\n+", "", page.read_text())


class Links(HTMLParser):
    """Everything that a page refers to, its images and its tables."""

    def __init__(self):
        super().__init__()
        self.references, self.images, self.tables, self.ids, self.scripts = [], [], 0, set(), 0

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.references += [given[k] for k in ("src", "href") if given.get(k)]
        self.images += [given] if tag == "img" else []
        self.tables += tag == "table"
        self.scripts += tag == "script"
        self.ids |= {given["id"]} if "id" in given else set()


def write_screen(folder, lost=None):
    """Four crops of two channels, and a QC table with one skipped field; `lost`: further rows of it."""
    rng, rows = np.random.default_rng(0), []
    folder.mkdir()
    with ShardWriter(folder / "crops.arrow", ["Mito", "Hoechst"], "zstd") as shard:
        for i in range(4):
            row = shard.add(f"c{i}", rng.integers(0, 255, (2, 24, 32), dtype=np.uint8))
            place = {"shard": "crops.arrow", "shard_row": row, "y": 0, "x": 0, "height": 24, "width": 32}
            names = {"crop_id": f"c{i}", "field_id": f"f{i}", "well_id": f"w<{i}>", "plate": "P1", "split": None}
            rows.append(names | place | {"perturbation": "A&B", "saturation": 0.0, "focus": 1.0})
    tables.write(pd.DataFrame(rows), "crops", folder / "crops.parquet")
    qc = pd.DataFrame({"field_id": list("abcde"), "well_id": list("abcde"), "plate": "P1", "site": 1})
    qc["status"] = ["kept"] * 4 + ["skipped"]
    qc["reason"] = [None] * 4 + ["truncated <file>"]
    tables.write(pd.concat([qc, lost]) if lost is not None else qc, "qc", folder / "qc.parquet")


RECORD = {
    "run": "test",
    "version": "abc",
    "code": {"commit": "0" * 40, "clean": False, "version": "0.1.0"},
    "configuration": {
        "title": "A <test> run",
        "evaluate": {"s": ["gene_gene"]},
        "screens": {"s": {"source": "simulated-bray"}},
        "training_screen": "s",
    },
    "configuration_sha256": "1" * 64,
    "data": {"s": {"sha256": "2" * 64}},
    "machine": {"processor": "P", "cores": 2, "memory_bytes": 2**33, "python": "3.11"},
    "seeds": [0, 1],
    "usage": [
        {"job": f"train/a/seed{i}", "wall_seconds": 60.0, "cpu_seconds": 50.0, "max_rss_mb": 700.0} for i in (0, 1)
    ],
}


@pytest.fixture
def page(methods, scores, score_files, context, tmp_path):
    """A page with every section."""
    names = ["table1", "table2", "table8"]
    for name in names:
        write_table(make_table(name, methods, scores, context), [tmp_path / f"{name}.html"])
    save(figure3(methods, scores, context), [tmp_path / "figure3.png"])
    write_screen(tmp_path / "screen")
    log = pd.DataFrame({"step": [2, 4], "loss": [5.0, 4.0], "prototypes_used": [9.0, 12.0]})
    log.to_csv(tmp_path / "log.csv", index=False)
    inputs = ReportInputs(
        record=RECORD,
        simulated=True,
        methods=methods,
        tables={"": [tmp_path / f"{name}.html" for name in names]},
        figures={"": [tmp_path / "figure3.png"]},
        screens={"s": tmp_path / "screen"},
        logs={"CWA-MSN": [tmp_path / "log.csv", tmp_path / "log.csv"]},
        examples=3,
        scores=list(score_files.values()),
        command="snakemake --cores all --configfile my.yaml --",
    )
    write_report(inputs, tmp_path / "report.html")
    return tmp_path / "report.html"


def test_the_page_stands_alone(page):
    text, links = page.read_text(), Links()
    links.feed(text)
    outside = [r for r in links.references if not r.startswith(("data:", "#"))]
    assert outside == [] and links.scripts == 0 and "@import" not in text and "url(" not in text
    assert {r[1:] for r in links.references if r.startswith("#")} <= links.ids
    assert len(links.images) == 3 and all(image["alt"] for image in links.images)
    assert links.tables >= 7


def test_the_page_says_what_ran_what_was_skipped_and_what_it_cost(page):
    text = joined(page)
    assert "A &lt;test&gt; run" in text and "<test>" not in text and "truncated &lt;file&gt;" in text
    assert "Simulated screens: the images were drawn by a program" in text and "with uncommitted changes" in text
    assert "4 of 5 fields of view kept, 1 skipped" in text
    assert "Table 1." in text and 'class="best number"' in text and text.count("<!DOCTYPE") == 1
    assert "2.0 minutes of jobs, 1.7 CPU minutes" in text
    for name in ("table1", "table8", "figure3"):
        assert f"To make it alone: <code>snakemake --cores all --configfile my.yaml -- {name}</code>" in text
    assert re.search('<th scope="row">CWA-MSN</th><td class="number"[^>]*>4</td><td class="number"[^>]*>4.0</td>', text)


def test_what_is_suspicious_stands_at_the_top_by_screen_and_method(page, tmp_path):
    assert "No job of this run found anything suspicious" in page.read_text()
    lost = pd.DataFrame({"field_id": ["f", "g"], "well_id": ["f", "g"], "plate": "P2", "site": 1, "status": "skipped"})
    write_screen(tmp_path / "other", lost.assign(reason=["empty: Mito has std 0.5", "empty: Mito has std 0.7"]))
    qc = tables.read("qc", tmp_path / "other" / "qc.parquet")
    of_methods = {"a": ["179 of 512 dimensions & no more"], "b": [], "s/a": ["2 controls"], "t/a": ["3 controls"]}
    notes = {"screens": {"s": ["2 wells stand twice"]}, "methods": of_methods}
    method = TableMethod(title="Method A", name="a", kind="trained", seeds=(0,))
    looked_up = {"gene symbols": {"file": "previous.tsv", "sha256": "3" * 64}}
    record = RECORD | {
        "resources": looked_up,
        "notes": notes,
        "computed": {"training/a/seed0": {"precision": "float32", "device": "cpu"}},
    }
    inputs = ReportInputs(record=record, methods=[method], screens={"s": tmp_path / "other"})
    write_report(inputs, tmp_path / "r.html")
    text = joined(tmp_path / "r.html")
    assert "<h3>Screen s</h3><ul><li>2 wells stand twice</li></ul>" in text
    assert "<h3>Method A</h3><ul><li>179 of 512 dimensions &amp; no more</li></ul>" in text
    assert "<h3>Method A on s</h3><ul><li>2 controls</li></ul><h3>Method A on t</h3><ul><li>3 controls</li>" in text
    order = ["tables", "figures", "quality-of-the-images", "warnings", "training", "cost", "what-ran"]
    places = [text.index(f'id="{name}"') for name in ("what-was-found", *order)]
    assert places == sorted(places)
    assert 'about Screen s, Method A, Method A on s, Method A on t: <a href="#warnings">read them</a>' in text
    assert "<dt>Looked up in</dt><dd>gene symbols: previous.tsv 333333333333</dd>" in text
    assert "Plates without a usable field: 1" in text
    assert re.search('<th scope="row">P2</th><td[^>]*>2</td><td[^>]*>2 of 2: empty: Mito has std 0.5</td>', text)
    assert '<td data-label="Trained on">float32, cpu</td>' in text
    assert suspicious(qc) == "" and not len(warned(qc)), "an older QC table has no such column"
    qc["warning"] = ["offset: floor 32768; hot pixels: Mito", "offset: floor 32769", *[None] * 4, "offset: floor 40000"]
    assert suspicious(qc) == "3 of 7 fields of view look suspicious"
    assert warned(qc).to_numpy().tolist() == [
        ["P1", "hot pixels", 1, "hot pixels: Mito"],
        ["P1", "offset", 2, "offset: floor 32768"],
        ["P2", "offset", 1, "offset: floor 40000"],
    ]


def test_tables_stand_under_their_screen_where_a_run_has_several(methods, scores, context, tmp_path):
    paths = {}
    for screen in ("bray", "rxrx3"):
        table = make_table("table1", methods, scores, replace(context, screen=screen))
        paths[screen] = [tmp_path / f"{screen}.html"]
        write_table(table, paths[screen])
    config = RECORD["configuration"] | {"evaluate": {"bray": ["gene_gene"], "rxrx3": ["gene_gene", "signal"]}}
    config |= {"screens": {name: {"source": f"source of {name}"} for name in ("s", "bray", "rxrx3")}}
    inputs = ReportInputs(record=RECORD | {"configuration": config}, tables=paths, figures={"bray": []})
    write_report(inputs, tmp_path / "report.html")
    text, links = joined(tmp_path / "report.html"), Links()
    links.feed(text)
    assert "<h3>bray</h3>" in text and "Table 1. Recall of known gene-gene relationships: rxrx3" in text
    assert "<dt>Benchmarks</dt><dd>bray: gene_gene; rxrx3: gene_gene, signal</dd>" in text
    assert "<dt>Evaluation screens</dt><dd>bray, rxrx3</dd>" in text
    assert {"table1-bray", "table1-rxrx3"} <= links.ids and "This run makes no figure." in text


def test_reasons_that_differ_in_numbers_alone_are_counted_together():
    texts = pd.Series(["empty: Mito has std 0.5", "empty: Mito has std 0.7", None])
    assert reasons(texts).to_numpy().tolist() == [["empty: Mito has std 0.5", 2], ["no reason given", 1]]


def test_example_crops_are_headed_with_their_channels(tmp_path, monkeypatch):
    write_screen(tmp_path / "screen")
    monkeypatch.setattr(quality, "png", lambda figure: [axis.get_title() for axis in figure.axes])
    assert quality.quality_of(tmp_path / "screen", 3).crops == ["Mito", "Hoechst", *[""] * 4]


def test_a_page_of_a_finished_map_needs_no_images(tmp_path):
    record = RECORD | {
        "configuration": {"title": "T", "training_screen": None, "evaluate": {}},
        "usage": [],
        "data": {},
    }
    write_report(ReportInputs(record=record), tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text()
    assert "No image was needed" in text and "No method of this run was trained" in text and "Simulated" not in text


PROBE = """<!DOCTYPE html><html><body><iframe id="f" width="{width}" height="900" src="report.html"></iframe>
<pre id="o"></pre><script>
document.getElementById("f").addEventListener("load", event => {{
  const page = event.target.contentDocument, root = page.documentElement;
  const images = [...page.images];
  document.getElementById("o").textContent = JSON.stringify({{
    overflow: root.scrollWidth - root.clientWidth,
    broken: images.filter(i => !i.complete || !i.naturalWidth).length,
    images: images.length,
    tables: page.querySelectorAll("figure.table table").length,
    font: parseFloat(getComputedStyle(page.body).fontSize),
  }});
}});
</script></body></html>"""


@pytest.mark.privileged
@pytest.mark.parametrize("width", [400, 1400])
def test_the_page_in_a_browser(page, width, tmp_path):
    browser = shutil.which("chromium")
    if browser is None:
        pytest.skip("chromium is not installed (apt-get install chromium)")
    (page.parent / "probe.html").write_text(PROBE.format(width=width))
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
    command += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    command += ["--allow-file-access-from-files", f"--user-data-dir={tmp_path / 'profile'}"]
    command += ["--enable-logging=stderr", "--virtual-time-budget=10000", "--window-size=1600,1000"]
    command += ["--dump-dom", (page.parent / "probe.html").as_uri()]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    found = json.loads(re.search(r'<pre id="o">(.*?)</pre>', result.stdout, re.S)[1])
    assert found["overflow"] <= 0, "the page itself never scrolls sideways"
    assert found["broken"] == 0 and found["images"] == 3 and found["tables"] == 3 and found["font"] >= 15
    assert "CONSOLE" not in result.stderr
