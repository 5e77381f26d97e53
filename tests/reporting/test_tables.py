"""Tables from scores: what stands where, what is marked, and equal bytes for equal scores."""

import csv
import io
from dataclasses import asdict, replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from cwamsn import tables
from cwamsn.files import write_json
from cwamsn.products import TABLES
from cwamsn.reporting import make_table, read_scores, write_table
from cwamsn.reporting.method_notes import named_lines, notes_by_method
from cwamsn.reporting.partial import mark_stale, write_partial_tables
from cwamsn.reporting.render import RENDERERS, fragment, to_csv, to_html, to_html_page, to_latex, to_markdown
from cwamsn.reporting.scores import compound_gene
from cwamsn.reporting.table import Cell, Column, Row, mark


def parse(text):
    return {line["row"]: line for line in csv.DictReader(io.StringIO(text))}


def test_table1_gives_mean_std_quoted_and_difference(methods, scores, on_rxrx3_core):
    rows = parse(to_csv(make_table("table1", methods, scores, on_rxrx3_core)))
    recall = scores[(scores["metric"] == "recall") & (scores["threshold_low"] == 0.05) & (scores["source"] == "CORUM")]
    own = recall[recall["method"] == "cwa-msn"]["value"].astype(float)
    line = rows["cwa-msn"]
    assert float(line["CORUM"]) == pytest.approx(own.mean(), abs=1e-9)
    assert float(line["CORUM_std"]) == pytest.approx(own.std(ddof=1), abs=1e-9)
    assert line["CORUM_quoted"] == ".386" and line["seeds"] == "3" and line["status"] == "measured"
    assert float(line["CORUM_difference"]) == pytest.approx(own.mean() - 0.386, abs=1e-8)
    assert line["CORUM_mark"] == "best" and rows["single-well-msn"]["CORUM_mark"] == "second"


def test_quoted_rows_are_marked_quoted_and_never_best(methods, scores, on_rxrx3_core):
    rows = parse(to_csv(make_table("table1", methods, scores, on_rxrx3_core)))
    assert rows["quoted:Phenom-2"]["status"] == "quoted" and rows["quoted:Phenom-2"]["CORUM_quoted"] == ".486"
    assert rows["quoted:Phenom-2"]["CORUM"] == "" and rows["quoted:Phenom-2"]["CORUM_mark"] == ""
    assert "quoted:CWA-MSN" not in rows
    text = to_markdown(make_table("table1", methods, scores, on_rxrx3_core))
    assert "| *Phenom-2* | quoted |" in text and "*.486*" in text


@pytest.mark.parametrize("name", list(TABLES))
def test_every_format_of_every_table(name, methods, scores, context, tmp_path):
    table = make_table(name, methods, scores, context)
    assert "simulated screens" in table.title and not table.gaps
    paths = [tmp_path / f"{name}{suffix}" for suffix in RENDERERS]
    write_table(table, paths)
    for path in paths:
        text = path.read_text()
        assert "CWA-MSN" in text
        assert (context.versions[0] in text) == (path.suffix != ".csv")
    assert len({line.count(",") for line in to_csv(table).splitlines() if '"' not in line}) == 1
    assert to_latex(table).count("{") == to_latex(table).count("}")


def test_order_of_the_score_files_changes_no_byte(methods, score_files, context):
    paths = sorted(score_files.values())
    orders = [read_scores(p) for p in (paths, paths[::-1])]
    for name in TABLES:
        first, second = (make_table(name, methods, scores, context) for scores in orders)
        for render in (to_csv, to_markdown, to_latex, to_html):
            assert render(first) == render(second)


def test_table2_is_the_max_row_with_the_benchmarks_z(methods, scores, on_rxrx3_core):
    rows = parse(to_csv(make_table("table2", methods, scores, on_rxrx3_core)))
    found = compound_gene(scores, on_rxrx3_core.selection)
    own = found[(found["method"] == "cwa-msn") & (found["concentration"] == "max") & (found["metric"] == "ap")]
    assert float(rows["cwa-msn"]["ap_z"]) == pytest.approx(own["z"].mean(), rel=1e-8)
    assert rows["cwa-msn"]["ap_z_quoted"] == "3.55"
    assert rows["random-scores"]["auc_mean_quoted"] == ".500" and float(rows["random-scores"]["auc_z"]) == 0
    assert rows["random"]["ap_mean_quoted"] == "", "Gaussian embeddings are not the paper's random scores"


def test_table8_has_the_biological_score_beside_the_probe(methods, scores, on_rxrx3_core):
    rows = parse(to_csv(make_table("table8", methods, scores, on_rxrx3_core)))
    assert float(rows["cwa-msn"]["linear_full"]) == pytest.approx(10.0)
    assert float(rows["cwa-msn"]["linear_full_std"]) == pytest.approx(0.5)
    assert rows["cwa-msn"]["linear_full_mark"] == "best", "lower is better"
    assert 0.3 < float(rows["cwa-msn"]["recall"]) < 0.33
    assert rows["quoted:OpenPhenom"]["linear_full_quoted"] == "27.07"


def test_a_missing_score_is_a_gap_with_a_name(methods, score_files, context):
    paths = [p for key, p in score_files.items() if key != ("cwa-msn", 1, "gene_gene")]
    table = make_table("table1", methods, read_scores(paths), context)
    assert table.gaps == ["table1: CWA-MSN: no gene_gene score of seed 1 (row cwa-msn)"]
    assert parse(to_csv(table))["cwa-msn"]["status"] == "incomplete"
    paths = [p for key, p in score_files.items() if key[0] != "cwa-msn"]
    table = make_table("table1", methods, read_scores(paths), context)
    assert len(table.gaps) == 3 and "**missing**" in to_markdown(table)
    assert parse(to_csv(table))["cwa-msn"]["CORUM_mark"] == "missing"


def test_ties_within_the_paired_interval_share_the_mark():
    column = Column("a", "a", better="high")
    rows = [Row(n, n, {"a": Cell(v)}) for n, v in (("x", 0.5), ("y", 0.49), ("z", 0.4), ("w", 0.1))]
    rows.append(Row("q", "q", {"a": Cell(published=".9")}, measured=False))
    mark(rows, column, {("a", frozenset(("x", "y"))), ("b", frozenset(("x", "z")))})
    assert [r.cells["a"].mark for r in rows] == ["best", "best", "second", "", ""]
    low = [Row(n, n, {"a": Cell(v)}) for n, v in (("x", 0.5), ("y", 0.49))]
    mark(low, Column("a", "a", better="low"))
    assert [r.cells["a"].mark for r in low] == ["second", "best"]


def test_no_scores_at_all_gives_gaps_not_a_crash(methods, context):
    for name in TABLES:
        table = make_table(name, methods, read_scores([]), context)
        assert len(table.gaps) >= len(methods)
        for render in (to_csv, to_markdown, to_latex, to_html):
            assert "CWA-MSN" in render(table)


def test_csv_numbers_read_back(methods, scores, context):
    for name in TABLES:
        for line in parse(to_csv(make_table(name, methods, scores, context))).values():
            for key, value in line.items():
                if key.endswith(("_std", "_difference")) and value:
                    assert np.isfinite(float(value))


def comparison(seed, low, high):
    fixed = {
        "run": "test",
        "screen": "s",
        "method": "cwa-msn",
        "seed": seed,
        "benchmark": "comparison",
        "source": "CORUM",
        "value": 0.1,
    }
    fixed |= {"metric": "recall_minus_single-well-msn", "threshold_low": 0.05, "threshold_high": 0.95}
    return fixed | {"n": 1209, "alignment": "pca-center-scale", "null": "crispr", "ci_low": low, "ci_high": high}


@pytest.mark.parametrize(
    ("intervals", "shared"),
    [([(-0.1, 0.3), (0.1, 0.2)], True), ([(0.1, 0.3), (0.1, 0.2)], False), ([(0.1, 0.3), (-0.2, -0.1)], True)],
)
def test_rows_are_tied_unless_every_seeds_interval_leaves_out_0(
    intervals, shared, methods, score_files, context, tmp_path
):
    frame = pd.DataFrame([comparison(seed, low, high) for seed, (low, high) in enumerate(intervals)])
    tables.write(frame, "scores", tmp_path / "minus.parquet")
    scores = read_scores([*score_files.values(), tmp_path / "minus.parquet"])
    rows = parse(to_csv(make_table("table1", methods, scores, context)))
    assert rows["cwa-msn"]["CORUM_mark"] == "best" and rows["cwa-msn"]["HuMAP_mark"] == "best"
    assert rows["single-well-msn"]["CORUM_mark"] == ("best" if shared else "second")
    assert rows["single-well-msn"]["HuMAP_mark"] == "second", "no interval, no tie"


@pytest.mark.parametrize(
    ("intervals", "note"),
    [
        ([(0.02, 0.18)], "+0.100 (95 % interval +0.020 to +0.180): above."),
        ([(-0.02, 0.22)], "+0.100 (95 % interval -0.020 to +0.220): not told apart."),
        ([(0.02, 0.18), (0.01, 0.19)], "+0.100, mean of 2 seeds: above."),
        ([(0.02, 0.18), (-0.1, 0.3)], "+0.100, mean of 2 seeds: not told apart."),
    ],
)
def test_what_compared_rows_differ_by_is_said_below_the_table(intervals, note, methods, score_files, context, tmp_path):
    frame = pd.DataFrame([comparison(seed, low, high) for seed, (low, high) in enumerate(intervals)])
    tables.write(frame.assign(source="joint"), "scores", tmp_path / "minus.parquet")
    scores = read_scores([*score_files.values(), tmp_path / "minus.parquet"])
    table = make_table("table1", methods, scores, context)
    wanted = f"CWA-MSN less Single-Well-MSN, recall over all sources: {note}"
    assert wanted in table.notes
    assert not any("less" in line for line in make_table("table2", methods, scores, context).notes)


def test_a_failed_runs_tables_show_what_is_there_and_name_the_gaps(methods, score_files, context, tmp_path):
    lost = tmp_path / "lost.parquet"
    paths = [str(p) if k[0] != "cwa-msn" else str(lost) for k, p in score_files.items() if k[2] == "gene_gene"]
    values = {
        "null": "crispr",
        "simulated": True,
        "run_title": "",
        "published_methods": True,
        "config_sha256": "0" * 64,
    }
    values["on_rxrx3_core"] = False
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
    assert gaps == [f"table1: CWA-MSN: no gene_gene score of seed {k} (row cwa-msn)" for k in (0, 1, 2)]
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


def test_bounds_and_chance_take_no_mark(methods, scores, context):
    """The truth itself is no method, and random numbers are not the best at hiding the plate."""
    methods = [replace(e, kind="latent") if e.name == "cwa-msn" else e for e in methods]
    for name in ("table1", "table8"):
        rows = {row.name: row for row in make_table(name, methods, scores, context).rows}
        marks = {n: {cell.mark for cell in rows[n].cells.values()} for n in ("random", "single-well-msn", "cwa-msn")}
        assert marks["cwa-msn"] == marks["random"] == {""}
        assert "best" in marks["single-well-msn"]


def test_table_7_counts_the_papers_sizes_too(methods, scores, context):
    notes = " ".join(make_table("table7", methods, scores, context).notes)
    assert "9.274 GFLOP one image, 24.118 anchor views forward, 82.0 a training step" in notes


def test_the_configurations_notes_stand_below_their_table(methods, scores, context):
    context = replace(context, notes={"table3": ["what a row stands for"]})
    assert make_table("table3", methods, scores, context).notes[0] == "what a row stands for"
    assert "what a row stands for" not in make_table("table1", methods, scores, context).notes


@pytest.mark.parametrize("name", ["table1", "table2", "table3", "table4", "table7", "table8"])
def test_printed_numbers_stand_beside_methods_on_rxrx3_core_only(name, methods, scores, context, on_rxrx3_core):
    """Beside a user's own plates or a simulated screen a difference to the paper says nothing."""

    def printed(table):
        cells = [(row, key, cell) for row in table.rows for key, cell in row.cells.items() if cell.published]
        return {row.name for row, _, _ in cells}, [(r.name, k) for r, k, cell in cells if cell.difference is not None]

    beside, differences = printed(make_table(name, methods, scores, on_rxrx3_core))
    assert "cwa-msn" in beside and {row for row, _ in differences} >= {"cwa-msn"}
    for own in (context, replace(context, simulated=False)):
        table = make_table(name, methods, scores, own)
        assert printed(table) == (set(), [])
        text = to_markdown(table)
        assert "printed" not in text and "RxRx3-core" not in text and "OpenPhenom" not in text
    asked = make_table(name, methods, scores, replace(context, published_methods=True))
    beside, differences = printed(asked)
    assert differences == [] and all(row.startswith("quoted:") for row in beside) and "quoted:CWA-MSN" in beside
    assert "measured on RxRx3-core and not on this run's wells" in to_markdown(asked)
    assert "Quoted from the paper (on RxRx3-core), not run here" in to_latex(asked)
    silent = make_table(name, methods, scores, replace(on_rxrx3_core, published_methods=False))
    assert not any(row.name.startswith("quoted:") for row in silent.rows)
    assert silent.rows[-1].cells["CORUM"].published == ".386" if name == "table1" else True


def test_nothing_printed_stands_beside_a_finished_map(methods, scores, on_rxrx3_core):
    methods = [replace(e, kind="map") if e.name == "cwa-msn" else e for e in methods]
    rows = {row.name: row for row in make_table("table1", methods, scores, on_rxrx3_core).rows}
    assert rows["cwa-msn"].cells["CORUM"].published is None and rows["random"].cells["CORUM"].published == ".107"
    assert rows["quoted:CWA-MSN"].cells["CORUM"].published == ".386"


def test_replicate_map_signal_and_latent_probe_have_tables(methods, scores, context):
    rows = parse(to_csv(make_table("replicates", methods, scores, context)))
    assert float(rows["cwa-msn"]["replicates_mean_average_precision"]) == pytest.approx(0.301)
    assert float(rows["cwa-msn"]["replicates_mean_average_precision_std"]) == pytest.approx(0.001)
    assert rows["cwa-msn"]["targets_share_retrieved_mark"] == "best" and rows["cwa-msn"]["in_sample"] == "no"
    rows = parse(to_csv(make_table("signal", methods, scores, context)))
    assert float(rows["cwa-msn"]["CRISPR_consistency_share"]) == 0.3
    assert rows["cwa-msn"]["CRISPR_consistency_share_mark"] == "best"
    assert rows["cwa-msn"]["CRISPR_magnitude_median_mark"] == "", "a magnitude depends on the number of dimensions"
    rows = parse(to_csv(make_table("latent", methods, scores, context)))
    assert float(rows["cwa-msn"]["nuisance_r2"]) == pytest.approx(0.2)
    assert rows["cwa-msn"]["nuisance_r2_mark"] == "best", "less nuisance is better"
    notes = " ".join(make_table("signal", methods, scores, context).notes)
    assert "Perturbations: compounds 60, knockouts 40." in notes


def test_a_row_that_saw_its_wells_in_training_is_named_so(methods, scores, context):
    seen = (scores["benchmark"] == "replicate_map") & (scores["method"] == "cwa-msn")
    scores = scores.assign(source=scores["source"].where(~seen, scores["source"].astype(str) + " (in-sample)"))
    table = make_table("replicates", methods, scores, context)
    rows = parse(to_csv(table))
    assert rows["cwa-msn"]["in_sample"] == "yes" and rows["random"]["in_sample"] == "no"
    assert float(rows["cwa-msn"]["replicates_mean_average_precision"]) == pytest.approx(0.301)
    assert any(note.startswith("In-sample: the row was trained on the very wells") for note in table.notes)


def test_what_jobs_noted_stands_below_the_table_by_method_once(methods, scores, context, tmp_path):
    def said(name, *lines):
        write_json(list(lines), tmp_path / f"{name}.json")
        return tmp_path / f"{name}.json"

    few, half = "179 of 512 dimensions: 180 controls", "<5 wells of 2 genes & more"
    notes = notes_by_method(
        {
            "cwa-msn": {0: [said("a", few, half)], 1: [said("b", few), said("c", few)]},
            "random": {0: [said("d", few)], 1: [said("e", few)]},
            "untrained-vit": {0: [said("f")]},
        }
    )
    assert notes == {"cwa-msn": [few, f"{half} (seed 0)"], "random": [few]}
    table = make_table("table1", methods, scores, context, notes)
    assert table.notes[:2] == [f"Random, CWA-MSN: {few}", f"CWA-MSN: {half} (seed 0)"]
    assert parse(to_csv(table))["cwa-msn"]["notes"] == f"{few}; {half} (seed 0)"
    for render in (to_markdown, to_latex, to_html):
        assert f"Random, CWA-MSN: {few}" in render(table)
    assert "&lt;5 wells of 2 genes &amp; more" in to_html(table) and r"$<$5 wells of 2 genes \& more" in to_latex(table)
    assert named_lines({"a": ["x"], "b": ["x"]}, {"a": "A", "b": "B"}) == ["Every row: x"]


def test_a_tables_page_stands_alone_and_gives_back_its_fragment(methods, scores, context):
    table = make_table("table1", methods, scores, replace(context, run_title="My <plates>"))
    page = to_html_page(table)
    assert page.startswith("<!DOCTYPE html>") and "td.best { font-weight: 700; }" in page
    assert f"<title>{table.title} · My &lt;plates&gt;</title>" in page and "<h1>My &lt;plates&gt;</h1>" in page
    assert fragment(page) == to_html(table)
