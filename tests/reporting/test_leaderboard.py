"""The page of published numbers, held together with the tables that it is made from."""

from pathlib import Path

import pandas as pd
import pytest
import yaml

from cwamsn.reporting import TableMethod, published
from cwamsn.reporting.leaderboard import boards, boards_of_run, methods_by_row, page
from cwamsn.reporting.page import ReportInputs, write_report
from tests.reporting.test_page import RECORD

ROOT = Path(__file__).resolve().parents[2]
# known second-hand only; none of them is a number of another row
SECOND_HAND = ("RxRx3-core recall of OpenPhenom under TVN", (".288", "0.288", "4.79", "5.38", "3.77", "4.49", "2.90"))


@pytest.fixture(scope="module")
def definitions():
    return yaml.safe_load((ROOT / "config" / "methods.yaml").read_text())["definitions"]


def board_of(benchmark, *, tables=True):
    return next(board for board in boards() if board.benchmark == benchmark and bool(board.tables) == tables)


def test_the_page_is_that_of_the_published_numbers(definitions):
    assert (ROOT / "docs" / "leaderboard.md").read_text() == page(definitions), "run: make docs"


def test_every_score_that_the_paper_prints_is_on_a_board():
    shown = {
        (str(line["Method"]), str(value))
        for board in boards()
        for line in board.rows.to_dict("records")
        for value in line.values()
    }
    probes = {(row, value.split(" ± ")[0]) for row, value in shown if " ± " in value}
    for table in (1, 2, 3, 4, 5, 6, 8):
        frame = published.numbers(table)
        scores = frame[~frame["metric"].isin(["gpu_hours", "relationships", "perturbations"])]
        for line in scores[~scores["metric"].str.endswith("_std") | (table != 8)].itertuples():
            names = {line.row, f"CWA-MSN, {line.row}", f"CWA-MSN, {line.row} prototypes", "CWA-MSN"}
            same = {line.value, line.value.removeprefix("0")}
            assert any((name, value) in shown | probes for name in names for value in same), (table, line)


def test_numbers_of_morphohelm_are_those_of_its_figures(golden):
    printed = pd.read_csv(golden / "morphohelm" / "published.csv", dtype=str, keep_default_na=False)
    printed = printed[(printed["dataset"] == "BBBC036") & (printed["benchmark"] == "moa_enrichment")]
    names = {"fraction_significant": "share significant", "geometric_mean_or": "odds ratio"}
    rows = pd.concat([board.rows for board in boards() if board.benchmark == "enrichment"])
    assert len(printed) == 2 * len(rows) == 64
    for profile, own in printed.groupby("profile", sort=False):
        of_page = rows[rows["Where"].str.endswith(f", p. {own['source_page'].iloc[0].split()[0][1:]}")]
        assert len(of_page) == 8, profile
        shown = of_page.set_index("Method")
        for line in own.itertuples():
            assert shown.loc[line.model, names[line.metric]] == line.value, (profile, line.model)


def test_second_hand_numbers_stay_out(definitions):
    text, (_, numbers) = page(definitions), SECOND_HAND
    assert not [number for number in numbers if f" {number} " in text]


def test_boards_with_another_null_are_apart():
    recalls = [board for board in boards() if board.benchmark == "gene_gene"]
    assert len({board.null for board in recalls}) == len(recalls) == 2
    assert "Not comparable" in recalls[1].remark and "SIGNOR" in recalls[1].rows


def test_the_page_names_every_method_that_computes_a_row(definitions):
    entries = [(name, e.get("paper_row"), e.get("tables", ())) for name, e in definitions.items()]
    board = board_of("gene_gene")
    found = methods_by_row(entries, board)
    assert found["OpenPhenom"] == "openphenom-images, openphenom"
    assert found["CWA-MSN, 256 prototypes"] == "prototypes-256" and found["CWA-MSN, No Masking"] == "no-masking"
    assert set(found) <= set(board.rows["Method"])
    line = next(line for line in page(definitions).splitlines() if line.startswith("| Phenom-2 | PP-16M"))
    assert line.endswith("| nothing: not public |")


def method(name, **values):
    return TableMethod(name=name, title=name.upper(), kind=values.pop("kind", "trained"), **values)


def test_a_run_sees_the_boards_of_its_screens_and_benchmarks():
    methods = [method("mine", paper_row="CWA-MSN"), method("map", kind="map", paper_row="OpenPhenom"), method("own")]
    found = boards_of_run({"rxrx3-core": ["gene_gene"], "simulated-bray": ["enrichment"]}, methods)
    assert [board.benchmark for board in found] == ["gene_gene", "gene_gene"]
    here = found[0].rows.set_index("Method")["In this run"]
    assert here["CWA-MSN"] == "MINE" and (here.drop("CWA-MSN") == "-").all(), "a finished map has no wells to compare"
    assert "In this run" not in found[1].rows
    assert [board.screen for board in boards_of_run({"bray": ["enrichment"]}, methods)] == ["bray", "bray"]
    assert boards_of_run({"simulated-rxrx3-core": ["gene_gene", "compound_gene"]}, methods) == []


@pytest.mark.parametrize(("source", "there"), [("rxrx3-core", True), ("simulated-bray", False)])
def test_the_report_has_them_apart_from_what_was_measured(source, there, tmp_path):
    configuration = RECORD["configuration"] | {"screens": {"s": {"source": source}}}
    record = RECORD | {"configuration": configuration}
    write_report(ReportInputs(record=record, methods=[method("mine", paper_row="CWA-MSN")]), tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text()
    assert ('id="published-numbers"' in text) is there
    assert (">MINE<" in text.partition('id="published-numbers"')[2].partition("</section>")[0]) is there
    assert ("(null_rows: whole-map)" in text) is there
