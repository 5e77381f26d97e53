"""Tables that the paper does not have."""

import pytest

from cwamsn.reporting import make_table
from cwamsn.reporting.render import to_csv
from tests.reporting.conftest import parse


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
    assert any(note.startswith("In-sample: the method was trained on the wells") for note in table.notes)
