"""The report's sentences on alignment across wells: what the run knows of its training screen."""

import pandas as pd
import pytest

from cwamsn import tables
from cwamsn.reporting import TableMethod
from cwamsn.reporting.advised import active_share, advised

REAL = {"screens": {"t": {"source": "bray"}}, "replicate_map": {"negatives": "plate_controls"}}
SIMULATED = REAL | {"screens": {"t": {"source": "simulated-bray", "phenotype": {"inactive": 0.4}}}}
METHODS = [
    TableMethod(name="a", title="Texture", kind="handcrafted"),
    TableMethod(name="b", title="CWA-MSN", kind="trained"),
    TableMethod(name="n", title="Nuisance", kind="latent"),
]


def shares(**more):
    fixed = {"screen": "t", "benchmark": "replicate_map", "metric": "share_retrieved", "source": "replicates"}
    fixed |= {"alignment": None, "null": None}
    rows = [{"method": "a", "value": 0.2}, {"method": "a", "value": 0.4}, {"method": "n", "value": 0.9}]
    rows += [{"method": "b", "value": 0.8, "source": "replicates (in-sample)"}]
    return pd.DataFrame([fixed | row | more for row in rows])


@pytest.fixture
def wells(tmp_path):
    count = 8
    frame = pd.DataFrame(
        {
            "well_id": [f"w{i}" for i in range(count)],
            "screen": "t",
            "experiment": "e",
            "plate": [f"p{i % 4}" for i in range(count)],
            "address": ["A01", "B02"] * 4,
            "row": [0, 1] * 4,
            "column": [0, 1] * 4,
            "perturbation": ["x", "y"] * 4,
            "perturbation_type": "COMPOUND",
            "control": None,
            "treatment": ["x", "y"] * 4,
            "split": "train",
        }
    )
    tables.write(frame, "wells", tmp_path / "wells.parquet")
    return tmp_path / "wells.parquet"


def test_the_share_of_active_perturbations_is_the_simulators_or_that_of_methods_not_trained_here():
    assert active_share(SIMULATED, METHODS, shares(), "t") == (pytest.approx(0.6), "as simulated")
    share, how = active_share(REAL, METHODS, shares(), "t")
    assert share == pytest.approx(0.3) and how == "replicates of Texture find each other"
    for config, scores in (
        (REAL, shares(screen="another")),
        (REAL, shares()[:0]),
        (REAL | {"replicate_map": {"negatives": "other_perturbations"}}, shares()),
        (REAL | {"alignment": {"method": "sphering"}}, shares(alignment="center-scale")),
    ):
        assert active_share(config, METHODS, scores, "t") == (None, "")


def test_the_report_says_what_to_take_for_the_screen_that_was_trained_on(wells):
    pays, advice = advised(REAL, METHODS, shares(), {"t": wells})
    assert pays.startswith("When alignment across wells pays, by simulated screens")
    assert advice.startswith(
        "For t (2 perturbations in 4 wells each; replicates share their row and column; 30 % of them"
    )
    assert advised(REAL, METHODS, shares(), {}) == []
