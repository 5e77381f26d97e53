"""Tables of gene-gene recall."""

import pytest

from cwamsn.reporting import make_table
from cwamsn.reporting.render import to_csv, to_markdown
from tests.reporting.conftest import parse


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


def test_table_7_counts_the_papers_sizes_too(methods, scores, context):
    notes = " ".join(make_table("table7", methods, scores, context).notes)
    assert "9.274 GFLOP for one image, 24.118 for the anchor views forward, 82.0 for a" in notes
