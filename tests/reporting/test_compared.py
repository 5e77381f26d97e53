"""The table of paired differences, and that of gene-gene recall at levels."""

import numpy as np
import pandas as pd
import pytest

from cwamsn.reporting import make_table
from cwamsn.reporting.render import to_csv, to_markdown
from tests.reporting.conftest import comparison, parse

NAME = "cwa-msn minus single-well-msn: "


def difference(metric, source, low, high, seed=0, **more):
    row = comparison(seed, low, high) | {"metric": f"{metric}_minus_single-well-msn", "source": source}
    return row | {"threshold_low": np.nan, "threshold_high": np.nan, "null": None} | more


def made(rows, methods, scores, context):
    given = pd.DataFrame(rows).reindex(columns=scores.columns)
    return make_table("differences", [m for m in methods if "msn" in m.name], given, context)


def test_every_level_has_a_row_with_its_interval_and_what_it_says(methods, scores, context):
    others = {"null": "perturbations"}
    rows = [difference("recall_at_1", "NSB", 0.02, 0.18, seed, **others) for seed in (0, 1, 2)]
    rows += [difference("recall_at_1", "NR", low, 0.2, seed, **others) for seed, low in enumerate((-0.1, 0.1, 0.1))]
    rows += [difference("mean_average_precision", "NSB, test", -0.3, -0.1, seed, null="controls") for seed in (0, 1, 2)]
    rows += [difference("share_significant", "mechanisms NR", 0.1, 0.2, seed) for seed in (0, 1, 2)]
    rows += [difference("share_significant", "CORUM NR", 0.1, 0.2, seed) for seed in (0, 1, 2)]
    rows += [difference("recall_at_1_by_group", "NR", 0.1, 0.2, seed, null="perturbations") for seed in (0, 1, 2)]
    table = made(rows, methods, scores, context)
    found = parse(to_csv(table))
    assert list(found) == [
        NAME + "replicates, Recall@1 NR",
        NAME + "replicates, Recall@1 NSB",
        NAME + "replicates, mAP against controls NSB, test",
        NAME + "enrichment, share significant of mechanisms NR",
    ]
    verdicts = [line["verdict"] for line in found.values()]
    assert verdicts == ["not told apart", "above", "below", "above"]
    line = found[NAME + "replicates, Recall@1 NSB"]
    assert (float(line["difference"]), float(line["ci_low"]), float(line["ci_high"])) == (0.1, 0.02, 0.18)
    assert (line["level"], line["seeds"]) == ("NSB", "3")
    assert "Levels: NR no restriction; NSB not the same batch." in table.notes
    assert not table.gaps and "CWA-MSN minus" in to_markdown(table)


def test_recalls_stand_once_for_the_union_of_sources(methods, scores, context):
    at = {"threshold_low": 0.05, "threshold_high": 0.95, "null": "crispr"}
    rows = [difference("recall", source, 0.02, 0.18, **at) for source in ("CORUM", "joint")]
    rows += [difference("recall", "joint", 0.02, 0.18, **at | {"threshold_low": 0.1, "threshold_high": 0.9})]
    rows += [difference("recall_at_level", f"joint {level}", 0.02, 0.18, **at) for level in ("NR", "NSB")]
    rows += [difference("recall_right_tail", "joint NR", 0.02, 0.18, **at | {"threshold_low": 0.0})]
    rows += [difference("average_precision_mean", None, 0.02, 0.18, concentration=dose) for dose in ("1.0", "max")]
    names = [row.name for row in made(rows, methods, scores, context).rows]
    assert names == [
        NAME + "gene-gene recall",
        NAME + "gene-gene recall NSB",
        NAME + "gene-gene recall, right tail NR",
        NAME + "compound-gene AP",
    ]


def test_shared_targets_stand_apart_from_replicates(methods, scores, context):
    rows = [difference("mean_average_precision", "sisters NSB", 0.1, 0.2)]
    rows += [difference("share_retrieved", "knockouts NR", 0.1, 0.2)]
    rows += [difference("mean_average_precision", "NSB", 0.1, 0.2, null="perturbations")]
    found = [(row.title, row.cells["level"].value) for row in made(rows, methods, scores, context).rows]
    assert found == [
        ("replicates, mAP", "NSB"),
        ("shared targets, mAP of sisters", "NSB"),
        ("shared targets, share retrieved of knockouts", "NR"),
    ]


def test_shared_targets_have_a_table_with_chance_below_it(methods, scores, context):
    rows = [
        ("mean_average_precision", "sisters NR", 0.25),
        ("mean_average_precision_of_a_random_ranking", "sisters NR", 0.04),
        ("share_retrieved", "guides NSB (in-sample)", 0.5),
    ]
    frame = pd.DataFrame(rows, columns=["metric", "source", "value"]).assign(n=40, benchmark="matching", seed=0)
    own = pd.concat([frame.assign(run="test", screen="s", method=m.name, alignment="x") for m in methods])
    table = make_table("matching", methods, own.reindex(columns=scores.columns), context)
    row = parse(to_csv(table))["cwa-msn"]
    assert float(row["sisters NR_mean_average_precision"]) == 0.25 and float(row["guides NSB_share_retrieved"]) == 0.5
    assert "mAP expected of a random ranking: sisters NR 0.040." in table.notes


def test_a_seed_that_was_not_compared_is_a_gap(methods, scores, context):
    rows = [difference("recall_at_1", "NR", 0.1, 0.2, seed, null="perturbations") for seed in (0, 2)]
    table = made(rows, methods, scores, context)
    assert table.gaps == [f"differences: replicates, Recall@1: no difference of seed 1 ({NAME}replicates, Recall@1 NR)"]


def test_recalls_at_levels_say_how_many_pairs_are_left(methods, scores, context):
    table = make_table("gene_levels", methods, scores, context)
    row = parse(to_csv(table))["cwa-msn"]
    assert float(row["NSB_recall_at_level"]) == pytest.approx(float(row["NR_recall_at_level"]) / 2)
    assert row["NR_recall_right_tail_mark"] == "best" and "NSS_recall_at_level" not in row
    assert "Known pairs that a level leaves: NR 3,068 (100%), NSB 2,761 (90%)." in table.notes
