"""What a failed run leaves."""

from dataclasses import asdict
from types import SimpleNamespace

from cwamsn.files import write_json
from cwamsn.reporting import make_table, read_scores, write_table
from cwamsn.reporting.partial import mark_stale, write_partial_tables
from cwamsn.reporting.render import RENDERERS
from tests.reporting.conftest import parse


def test_a_failed_runs_tables_show_what_is_there_and_name_the_gaps(methods, score_files, context, tmp_path):
    lost = tmp_path / "lost.parquet"
    paths = [str(p) if k[0] != "cwa-msn" else str(lost) for k, p in score_files.items() if k[2] == "gene_gene"]
    values = {"null": "crispr", "simulated": True, "published_methods": True, "on_rxrx3_core": False}
    values |= {"run_title": "", "screen": "", "notes": {}, "config_sha256": "0" * 64}
    write_json(["179 of 512 dimensions are left"], tmp_path / "notes.json")
    said = {"single-well-msn": {0: [tmp_path / "notes.json"]}, "cwa-msn": {0: [tmp_path / "not-made.json"]}}
    values["code"] = {"commit": None, "clean": None, "version": "0"}

    def job(scores):
        return SimpleNamespace(
            input=SimpleNamespace(scores=scores, computations=[]),
            output=[str(tmp_path / f"table1{suffix}") for suffix in RENDERERS],
            params=SimpleNamespace(
                manifests={"screen": tmp_path / "absent"},
                context=values,
                usage={},
                notes=said,
                methods=[asdict(e) for e in methods],
            ),
            wildcards=SimpleNamespace(product="table1"),
        )

    gaps = write_partial_tables([job(paths)])
    assert gaps == [f"table1: CWA-MSN: no gene_gene score of seed {k} (method cwa-msn)" for k in (0, 1, 2)]
    incomplete = tmp_path / "incomplete"
    assert not (tmp_path / "table1.csv").exists(), "nothing incomplete stands where a finished table would"
    rows = parse((incomplete / "table1.csv").read_text())
    assert rows["cwa-msn"]["status"] == "incomplete" and rows["cwa-msn"]["CORUM_mark"] == "missing"
    assert rows["single-well-msn"]["CORUM_mark"] == "best"
    assert "Incomplete: the run failed" in (incomplete / "table1.md").read_text()
    assert rows["single-well-msn"]["notes"] == "179 of 512 dimensions are left"
    assert (incomplete / "table1.html").read_text().startswith("<!DOCTYPE html>")
    (incomplete / "table1.csv").write_text("of the failure before")
    write_partial_tables([job([str(lost)])])
    assert not incomplete.exists(), "what an earlier failure left does not pass for this one's"
    write_partial_tables([job(paths)])
    complete = [str(p) for k, p in score_files.items() if k[2] == "gene_gene"]
    finished = make_table("table1", methods, read_scores(complete), context)
    write_table(finished, [tmp_path / "table1.csv"])
    assert not (incomplete / "table1.csv").exists() and (incomplete / "table1.md").exists()
    write_table(finished, [tmp_path / f"table1{suffix}" for suffix in RENDERERS])
    assert not incomplete.exists(), "no empty folder is left"
    assert write_partial_tables([job(complete), job([str(lost)])]) == [], "finished or not begun: left to the rule"


def test_the_report_of_an_earlier_run_says_that_a_later_one_failed(tmp_path):
    page = tmp_path / "report.html"
    mark_stale(page)
    assert not page.exists()
    page.write_text("<html><body><h1>Run</h1></body></html>")
    mark_stale(page)
    mark_stale(page)
    assert page.read_text().count("The run failed after this page was made") == 1
