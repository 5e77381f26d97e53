"""Paired differences: what they mark and what is said about them."""

import pandas as pd
import pytest

from cwamsn import tables
from cwamsn.reporting import make_table, read_scores
from cwamsn.reporting.render import to_csv
from tests.reporting.conftest import comparison, parse


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
    wanted = f"CWA-MSN minus Single-Well-MSN, recall over all sources: {note}"
    assert wanted in table.notes
    assert not any("less" in line for line in make_table("table2", methods, scores, context).notes)
