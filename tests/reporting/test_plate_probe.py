"""Table 8."""

import pytest

from cwamsn.reporting import make_table
from cwamsn.reporting.render import to_csv
from tests.reporting.conftest import parse


def test_table8_has_the_biological_score_beside_the_probe(methods, scores, on_rxrx3_core):
    rows = parse(to_csv(make_table("table8", methods, scores, on_rxrx3_core)))
    assert float(rows["cwa-msn"]["linear_full"]) == pytest.approx(10.0)
    assert float(rows["cwa-msn"]["linear_full_std"]) == pytest.approx(0.5)
    assert rows["cwa-msn"]["linear_full_mark"] == "best", "lower is better"
    assert 0.3 < float(rows["cwa-msn"]["recall"]) < 0.33
    assert rows["quoted:OpenPhenom"]["linear_full_quoted"] == "27.07"
