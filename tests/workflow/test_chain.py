"""The whole chain on a tiny configuration: raw simulated plates to finished tables."""

import pytest
import yaml

from cwamsn import tables
from cwamsn.files import read_json
from tests.workflow.chain import TINY, csv_bytes, snakemake


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("chain")
    snakemake(folder)
    return folder


def test_tables_hold_every_row_and_say_that_they_are_simulated(finished):
    rows = yaml.safe_load(TINY.read_text())["rows"]
    scores = tables.read("scores", finished / "results" / "tiny" / "scores.parquet")
    assert set(scores["model"]) >= set(rows)
    assert scores["value"].notna().all()
    for number in (1, 2, 3, 8):
        text = (finished / "results" / "tiny" / "tables" / f"table{number}.md").read_text()
        assert "simulated" in text.lower()
        assert "CWA-MSN" in text
    recall = scores[(scores["benchmark"] == "gene_gene") & (scores["metric"] == "recall")]
    assert recall["value"].between(0, 1).all() and (recall["n"] > 0).all()


def test_provenance_and_report_hold_every_job_of_the_run_and_no_other(finished):
    """The list of the run's jobs, worked out from the configuration, is what Snakemake really ran."""
    results = finished / "results" / "tiny"
    record = read_json(results / "provenance.json")
    measured = {path.relative_to(results / "usage").with_suffix("").as_posix() for path in results.rglob("*.tsv")}
    assert {job["job"] for job in record["usage"]} == measured
    assert set(record["notes"]["screens"]) == {"bray-tiny", "rxrx3-tiny"}
    report = (results / "report.html").read_text()
    assert report.count("<!DOCTYPE html>") == 1 and report.count('<figure class="table"') == 5
    for table in (results / "tables").glob("*.html"):
        page = table.read_text()
        assert page.startswith("<!DOCTYPE html>") and "<h1>Tiny simulated screens (test)</h1>" in page
        assert 'class="printed"' not in page and "OpenPhenom" not in page, "RxRx3-core's numbers say nothing here"


def test_a_second_run_has_nothing_to_do(finished):
    assert "Nothing to be done" in snakemake(finished).stderr


def test_one_table_needs_only_its_own_rows(finished, tmp_path):
    plan = snakemake(tmp_path, "table3", "--dry-run", "--quiet", "rules").stdout
    full = snakemake(tmp_path, "--dry-run").stdout
    assert "plate_probe" not in plan and "plate_probe" in full


@pytest.mark.slow
def test_one_core_gives_the_same_bytes_as_two(finished, tmp_path):
    snakemake(tmp_path, cores=1)
    assert csv_bytes(tmp_path) == csv_bytes(finished)
    assert len(csv_bytes(finished)) >= 4
