"""Table 2."""

import pytest

from cwamsn.reporting import make_table
from cwamsn.reporting.render import to_csv
from cwamsn.reporting.scores import compound_gene
from tests.reporting.conftest import parse


def test_table2_is_the_max_row_with_the_benchmarks_z(methods, scores, on_rxrx3_core):
    rows = parse(to_csv(make_table("table2", methods, scores, on_rxrx3_core)))
    found = compound_gene(scores, on_rxrx3_core.selection)
    own = found[(found["method"] == "cwa-msn") & (found["concentration"] == "max") & (found["metric"] == "ap")]
    assert float(rows["cwa-msn"]["ap_z"]) == pytest.approx(own["z"].mean(), rel=1e-8)
    assert rows["cwa-msn"]["ap_z_quoted"] == "3.55"
    assert rows["random-scores"]["auc_mean_quoted"] == ".500" and float(rows["random-scores"]["auc_z"]) == 0
    assert rows["random"]["ap_mean_quoted"] == "", "Gaussian embeddings are not the paper's random scores"
