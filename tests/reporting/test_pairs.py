"""Table 9: recall and retrieval against the number of positive pairs."""

from dataclasses import replace

import pandas as pd
import pytest

from cwamsn.reporting import TableMethod, make_table
from cwamsn.reporting.render import to_csv, to_markdown
from cwamsn.reporting.scores import select
from tests.reporting.conftest import parse

MADE_FROM = {"perturbations": 100.0, "wells": 365.0, "well_pairs": 480.0, "steps": 400.0}


@pytest.fixture
def variants(methods):
    """The made-up methods, as trainings on all pairs, on half of them, on none, and chance."""
    made = [replace(method, tables=(9,)) for method in methods]
    by_name = {method.name: method for method in made}
    by_name["cwa-msn"] = replace(by_name["cwa-msn"], **MADE_FROM)
    by_name["single-well-msn"] = replace(by_name["single-well-msn"], **MADE_FROM | {"well_pairs": None})
    return list(by_name.values())


def with_parts(scores):
    """The same with every retrieval once more for wells of the training part and, lower by .1, of the test part."""
    found = select(scores, benchmark="retrieval")
    parts = [found.assign(source=found["source"] + f", {part}") for part in ("train", "test")]
    parts[1] = parts[1].assign(value=parts[1]["value"] - 0.1, source=parts[1]["source"] + " (in-sample)")
    return pd.concat([scores, *parts], ignore_index=True)


def test_recall_and_retrieval_stand_beside_what_was_trained_on(variants, scores, context):
    rows = parse(to_csv(make_table("table9", variants, scores, context)))
    line = rows["cwa-msn"]
    assert float(line["perturbations"]) == 100 and float(line["wells_per_perturbation"]) == pytest.approx(3.65)
    assert float(line["well_pairs"]) == 480 and float(line["steps"]) == 400
    assert float(line["NSB_recall_at_1"]) == pytest.approx(0.3) and line["NSB_recall_at_1_mark"] == "best"
    recall = select(scores, benchmark="gene_gene", method="cwa-msn", source="CORUM", threshold_low=0.05)["value"]
    assert float(line["CORUM"]) == pytest.approx(recall.astype(float).mean(), abs=1e-9)
    assert rows["single-well-msn"]["well_pairs"] == "" and rows["random"]["steps"] == ""
    assert list(line).index("steps") < list(line).index("CORUM") < list(line).index("NR_recall_at_1")


def test_one_of_the_benchmarks_is_enough(variants, scores, context):
    retrieval = parse(to_csv(make_table("table9", variants, select(scores, benchmark="retrieval"), context)))
    assert "CORUM" not in retrieval["cwa-msn"] and float(retrieval["cwa-msn"]["NR_mean_average_precision"]) == 0.3
    recall = parse(to_csv(make_table("table9", variants, select(scores, benchmark="gene_gene"), context)))
    assert "NR_recall_at_1" not in recall["cwa-msn"] and recall["cwa-msn"]["status"] == "measured"


def test_on_a_split_screen_only_wells_that_no_training_saw_are_queries(variants, scores, context):
    table = make_table("table9", variants, with_parts(scores), context)
    assert float(parse(to_csv(table))["cwa-msn"]["NR_recall_at_1"]) == pytest.approx(0.2)
    assert any("wells of the test part, whose perturbations no training saw" in note for note in table.notes)


@pytest.mark.parametrize("benchmark", ["gene_gene", "retrieval"])
def test_a_missing_score_of_either_benchmark_is_a_gap(variants, scores, context, benchmark):
    lost = (scores["benchmark"] == benchmark) & (scores["method"] == "cwa-msn") & (scores["seed"] == 1)
    table = make_table("table9", variants, scores[~lost], context)
    assert table.gaps == [f"table9: CWA-MSN: no {benchmark} score of seed 1 (method cwa-msn)"]
    assert parse(to_csv(table))["cwa-msn"]["status"] == "incomplete"


def test_without_any_score_every_method_has_gaps(variants, scores, context):
    assert len(make_table("table9", variants, scores.iloc[:0], context).gaps) == 3 * len(variants)


def test_it_says_where_masked_stands_beside_supervised_training(variants, scores, context):
    assert "CWA-MSN beside ViT-WSL" in to_markdown(make_table("table9", variants, scores, context))


def test_an_encoder_of_before_leaves_the_counts_blank(scores, context):
    old = TableMethod.from_values({"name": "cwa-msn", "title": "A", "kind": "trained", "tables": [9]}, {"images": 7})
    line = parse(to_csv(make_table("table9", [old], scores, context)))["cwa-msn"]
    assert line["perturbations"] == line["wells_per_perturbation"] == ""
