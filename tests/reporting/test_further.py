"""Tables that the paper does not have."""

import pandas as pd
import pytest

from cwamsn.reporting import make_table
from cwamsn.reporting.render import to_csv, to_markdown
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


def test_a_row_of_which_nobody_has_said_so_is_unknown(methods, scores, context):
    told = (scores["benchmark"] == "replicate_map") & (scores["method"] == "cwa-msn")
    text = scores["source"].astype(str) + " (in-sample unknown)"
    table = make_table("replicates", methods, scores.assign(source=scores["source"].where(~told, text)), context)
    rows = parse(to_csv(table))
    assert rows["cwa-msn"]["in_sample"] == "unknown" and rows["random"]["in_sample"] == "no"
    assert float(rows["cwa-msn"]["replicates_mean_average_precision"]) == pytest.approx(0.301)
    assert any(note.startswith("Unknown: nobody has said") for note in table.notes)


def scored(benchmark, rows, method):
    frame = pd.DataFrame(rows, columns=["metric", "source", "null", "value", "n"])
    fixed = {"run": "test", "screen": "s", "method": method, "seed": 0, "benchmark": benchmark}
    return frame.assign(**fixed, alignment="pca-center-scale")


def test_retrieval_has_a_column_for_each_level_that_was_scored(methods, scores, context):
    rows = [("recall_at_1", "NR", "perturbations", 0.5, 9), ("mean_average_precision", "NSB", "controls", 0.25, 9)]
    own = pd.concat([scored("retrieval", rows, "random"), scored("retrieval", rows, "cwa-msn")])
    table = make_table("retrieval", methods, own.reindex(columns=scores.columns), context)
    row = parse(to_csv(table))["cwa-msn"]
    assert float(row["NR_recall_at_1_perturbations"]) == 0.5
    assert float(row["NSB_mean_average_precision_controls"]) == 0.25
    assert "NSS_recall_at_1_perturbations" not in row and row["in_sample"] == "no"
    assert "Levels: NR no restriction; NSB not the same batch." in table.notes


def test_enrichment_says_what_a_random_ranking_would_have(methods, scores, context):
    rows = [
        ("share_significant", "pathways NR (in-sample)", None, 0.2, 40),
        ("geometric_mean_odds_ratio", "pathways NR (in-sample)", None, 12.0, 40),
        ("share_of_a_random_ranking", "pathways NR (in-sample)", None, 0.018, 40),
        ("odds_ratio_of_a_random_ranking", "pathways NR (in-sample)", None, 8.48, 40),
    ]
    own = scored("enrichment", rows, "cwa-msn").reindex(columns=scores.columns)
    table = make_table("enrichment", methods, own, context)
    row = parse(to_csv(table))["cwa-msn"]
    assert float(row["pathways NR_share_significant"]) == 0.2 and row["in_sample"] == "yes"
    note = "A random ranking is expected to have, as share and odds ratio: pathways NR 0.018 and 8.48."
    assert note in table.notes


def test_controls_with_shuffled_labels_stand_beside_their_scores_without_a_mark(methods, scores, context):
    rows = parse(to_csv(make_table("shuffled", methods, scores, context)))
    own = rows["cwa-msn"]
    assert float(own["retrieval_NR_recall_at_1"]) == pytest.approx(0.3)
    assert float(own["retrieval_NR_recall_at_1_shuffled"]) == pytest.approx(0.02)
    assert own["retrieval_NR_recall_at_1_mark"] == "best" and own["retrieval_NR_recall_at_1_shuffled_mark"] == ""
    text = to_markdown(make_table("shuffled", methods, scores, context))
    assert "mean over 2 shuffles" in text and "no score" in text
    none = scores.assign(shuffled=None, shuffled_draws=None)
    none = none[none["benchmark"] != "plate_probe"]
    assert "set shuffled_labels.draws" in to_markdown(make_table("shuffled", methods, none, context))


def test_geometry_is_shown_and_never_ranked(methods, scores, context):
    table = make_table("geometry", methods, scores, context)
    assert {column.better for column in table.columns} == {None}
    text = to_markdown(table)
    assert "Best in bold" not in text
    assert "Spearman correlation of the distances of all pairs of 500 wells" in text
    assert float(parse(to_csv(table))["cwa-msn"]["raw_effective_rank"]) == pytest.approx(0.3)
