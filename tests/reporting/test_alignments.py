"""The same features, aligned in several ways, in one table."""

import pandas as pd
import pytest

from cwamsn.products import PRODUCTS
from cwamsn.reporting import make_table
from cwamsn.reporting.context import TableMethod
from cwamsn.reporting.render import to_csv
from tests.plans import plan_of, reporting_of, wells
from tests.reporting.conftest import parse

METHODS = [TableMethod(name="mine", title="Mine", kind="wells"), TableMethod(name="head", title="H", kind="cwa-head")]


def rows_of(method, seed, at):
    fixed = {"run": "t", "screen": "s", "method": method, "seed": seed, "alignment": "none"}
    probe = {"benchmark": "plate_probe", "source": "random folds", "controls": "full"}
    found = {"benchmark": "retrieval", "metric": "mean_average_precision"}
    return [
        fixed | probe | {"metric": "linear_macro_f1_mean", "plate_reading": "plate", "value": 0.1},
        fixed | probe | {"metric": "linear_macro_f1_mean", "plate_reading": "experiment_plate", "value": 0.8 - at},
        fixed | {"benchmark": "latent_probe", "metric": "phenotype_r2", "value": 0.1 + at},
        fixed | found | {"source": "NSL", "null": "perturbations", "value": 0.3 + at},
        fixed | found | {"source": "NSL", "null": "controls", "value": 0.9},
        fixed | {"benchmark": "gene_gene", "metric": "recall", "source": "CORUM", "value": 0.2 + at}
        | {"threshold_low": 0.05, "threshold_high": 0.95},
    ]  # fmt: skip


def test_every_benchmark_of_the_run_stands_in_one_row(scores, context):
    own = pd.DataFrame([*rows_of("mine", 0, 0.0), *rows_of("head", 0, 0.1)])
    own = own.reindex(columns=scores.columns).astype({"value": float, "threshold_low": float, "threshold_high": float})
    table = make_table("alignments", METHODS, own, context)
    rows = parse(to_csv(table))
    assert float(rows["head"]["phenotype"]) == pytest.approx(0.2) and rows["head"]["phenotype_mark"] == "best"
    assert float(rows["head"]["map_NSL"]) == pytest.approx(0.4) and float(rows["mine"]["recall"]) == 0.2
    assert float(rows["head"]["plate_linear"]) == pytest.approx(0.7) and rows["head"]["plate_linear_mark"] == "best"
    assert "ap" not in rows["head"] and "plate_knn" not in rows["head"], "nothing was scored"
    assert any("plate of an experiment" in note for note in table.notes)


def test_only_methods_that_share_features_are_in_it():
    methods = {"mine": wells(), "other": wells(), "over": {"kind": "aligned", "features": "mine", "alignment": "none"}}
    reporting = reporting_of(plan_of(methods))
    assert [method.name for method in reporting.methods_in(PRODUCTS["alignments"])] == ["mine", "over"]
    assert reporting.is_made(PRODUCTS["alignments"], "e")
    alone = reporting_of(plan_of({"mine": wells(), "other": wells()}))
    assert not alone.is_made(PRODUCTS["alignments"], "e"), "nothing to set side by side"
