"""What every table has: methods, gaps, notes, published numbers; and equal bytes for equal scores."""

from dataclasses import replace

import pandas as pd
import pytest

from cwamsn.products import TABLES
from cwamsn.reporting import make_table, read_scores, write_table
from cwamsn.reporting.render import RENDERERS, to_csv, to_html, to_latex, to_markdown
from tests.reporting.conftest import comparison, parse


@pytest.mark.parametrize("name", list(TABLES))
def test_every_format_of_every_table(name, methods, scores, context, tmp_path):
    if name == "differences":  # elsewhere it would tie the two methods
        rows = [comparison(seed, 0.02, 0.18) | {"source": "joint"} for seed in (0, 1, 2)]
        scores = pd.concat([scores, pd.DataFrame(rows).reindex(columns=scores.columns)])
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


def test_a_missing_score_is_a_gap_with_a_name(methods, score_files, context):
    paths = [p for key, p in score_files.items() if key != ("cwa-msn", 1, "gene_gene")]
    table = make_table("table1", methods, read_scores(paths), context)
    assert table.gaps == ["table1: CWA-MSN: no gene_gene score of seed 1 (method cwa-msn)"]
    assert parse(to_csv(table))["cwa-msn"]["status"] == "incomplete"
    paths = [p for key, p in score_files.items() if key[0] != "cwa-msn"]
    table = make_table("table1", methods, read_scores(paths), context)
    assert len(table.gaps) == 3 and "**missing**" in to_markdown(table)
    assert parse(to_csv(table))["cwa-msn"]["CORUM_mark"] == "missing"


def test_no_scores_at_all_gives_gaps_not_a_crash(methods, context):
    for name in TABLES:
        table = make_table(name, methods, read_scores([]), context)
        assert len(table.gaps) >= len(methods)
        for render in (to_csv, to_markdown, to_latex, to_html):
            assert "CWA-MSN" in render(table)


def test_bounds_and_chance_take_no_mark(methods, scores, context):
    """The truth itself is no method, and random numbers are not the best at hiding the plate."""
    methods = [replace(e, kind="latent") if e.name == "cwa-msn" else e for e in methods]
    for name in ("table1", "table8"):
        rows = {row.name: row for row in make_table(name, methods, scores, context).rows}
        marks = {n: {cell.mark for cell in rows[n].cells.values()} for n in ("random", "single-well-msn", "cwa-msn")}
        assert marks["cwa-msn"] == marks["random"] == {""}
        assert "best" in marks["single-well-msn"]


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
