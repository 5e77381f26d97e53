"""The decision rule: each branch on made-up evidence, and what it says on the screen that decides it."""

from dataclasses import replace

import pandas as pd
import pytest

from cwamsn.advice import (
    Situation,
    advice_of,
    advise,
    brief_advice,
    compared,
    pays,
    read_evidence,
    shares_places,
    situation_of,
    table,
)
from cwamsn.advice.evidence import COLUMNS
from cwamsn.errors import InputError

OWN = {"plate": "removable", "row": "removable", "column": "removable", "experiment": "removable"}
SHARED = OWN | {"row": "shortcut", "column": "shortcut"}
SCREEN = Situation("mine", 300, 4.0, OWN, 0.5, "as measured")


def row(first, second, difference, low, high, metric="recall", shared="", active=0.5, wells=4, point="p", screens=10):
    values = ("s", point, shared, active, wells, 160, first, second, metric, difference, low, high, screens, 2)
    return dict(zip(COLUMNS, values))


def evidence(*rows):
    return pd.DataFrame(list(rows), columns=list(COLUMNS))


def taken(situation, *rows):
    return [advice.take for advice in advise(situation, evidence(*rows))]


HEAD = row("head", "fixed", 0.02, 0.01, 0.03)
TRAINED = row("single-well", "head", 0.05, 0.02, 0.08)
CROSSED = row("cross-well", "single-well", 0.03, 0.01, 0.05, "phenotype")


def test_a_dearer_way_is_taken_only_where_it_is_shown_to_be_above():
    assert taken(SCREEN) == ["fixed"]
    assert taken(SCREEN, HEAD) == ["head"]
    assert taken(SCREEN, HEAD, TRAINED) == ["single-well"]
    assert taken(SCREEN, HEAD, TRAINED, CROSSED) == ["cross-well"]
    assert taken(SCREEN, row("head", "fixed", 0.02, -0.01, 0.05), CROSSED) == ["fixed"]
    assert taken(SCREEN, HEAD, row("cross-well", "head", 0.02, -0.01, 0.05)) == ["head"]
    assert taken(SCREEN, row("cross-well", "fixed", 0.2, 0.1, 0.3)) == ["cross-well"], "whatever lies between"


def test_above_in_one_number_and_below_in_another_is_no_gain():
    worse = row("head", "fixed", -0.04, -0.06, -0.02, "ap")
    assert taken(SCREEN, HEAD, worse) == ["fixed"]
    verdicts = {
        "above": [HEAD],
        "below": [worse],
        "mixed": [HEAD, worse],
        "not told apart": [row("head", "fixed", 0.02, -0.01, 0.05)],
        "not measured": [
            HEAD | {"screens": 1},
            HEAD | {"ci_low": float("nan")},
            HEAD | {"metric": "nuisance"},
            HEAD | {"metric": "phenotype"},
            HEAD | {"ci_low": 0.02, "ci_high": 0.02 + 1e-16},
            TRAINED,
        ],
    }
    for verdict, rows in verdicts.items():
        assert compared(evidence(*rows), "head", "fixed").verdict == verdict


def test_of_points_that_measure_the_same_those_of_most_pairs_of_screens_count():
    many = row("single-well", "fixed", 0.02, 0.01, 0.03, "phenotype", point="orders", screens=10)
    few = row("single-well", "fixed", -0.03, -0.06, -0.01, "phenotype", point="map", screens=3)
    found = compared(evidence(many, few), "single-well", "fixed")
    assert found.verdict == "above" and list(found.rows["point"]) == ["orders"]
    other_metric = row("single-well", "fixed", -0.03, -0.06, -0.01, "ap", point="map", screens=3)
    assert compared(evidence(many, other_metric), "single-well", "fixed").verdict == "mixed"
    as_many = row("single-well", "fixed", -0.03, -0.06, -0.01, "phenotype", point="heads", screens=10)
    assert compared(evidence(many, as_many), "single-well", "fixed").verdict == "mixed"


def test_without_pairs_of_wells_across_plates_nothing_is_aligned_across_wells():
    rows = [HEAD, CROSSED, row("single-well", "fixed", 0.1, 0.05, 0.15)]
    alone = replace(SCREEN, wells=1.0)
    assert taken(alone, *rows) == ["single-well"]
    assert "there are no pairs of wells" in advice_of(alone, evidence(*rows))
    one_plate = replace(SCREEN, verdicts=OWN | {"plate": "shortcut"})
    assert taken(one_plate, *rows) == ["single-well"]
    assert brief_advice(one_plate, evidence(*rows)).startswith("take single-well training, since the wells of a")
    assert "pairs cannot show what a plate is" in advice_of(one_plate, evidence(*rows))


def test_only_points_of_the_same_layout_count():
    rows = [HEAD | {"shared": "plate_map row column"}, row("head", "fixed", 0.0, -0.02, 0.02, point="free")]
    assert taken(SCREEN, *rows) == ["fixed"]
    assert taken(replace(SCREEN, verdicts=SHARED), *rows) == ["head"]
    unknown = replace(SCREEN, verdicts={"plate": "removable", "row": "untestable"})
    assert taken(unknown, *rows) == ["head"]
    assert "points of both layouts count" in advice_of(unknown, evidence(*rows))


def test_the_nearest_share_of_active_perturbations_and_then_of_wells_decides():
    rows = [
        row("head", "fixed", 0.0, -0.02, 0.02, active=0.2),
        row("head", "fixed", 0.1, 0.05, 0.2, active=1.0, wells=4),
        row("cross-well", "fixed", 0.1, 0.05, 0.2, active=1.0, wells=16),
    ]
    assert taken(replace(SCREEN, active=0.5), *rows) == ["fixed"]
    assert taken(replace(SCREEN, active=0.7, wells=7.0), *rows) == ["head"]
    assert taken(replace(SCREEN, active=0.7, wells=9.0), *rows) == ["cross-well"], "nearest as ratio"


def test_an_unknown_share_of_active_perturbations_is_said_and_every_case_answered():
    rows = [row("head", "fixed", 0.0, -0.02, 0.02, active=0.5), HEAD | {"active": 1.0}]
    unknown = replace(SCREEN, active=None)
    assert taken(unknown, *rows) == ["fixed", "head"]
    text = advice_of(unknown, evidence(*rows))
    assert "what share of them acts is not known: replicate_map on mine tells" in text
    assert (
        "if 50 % of the perturbations act, take fixed alignment alone; if 100 % of the perturbations act, take "
        "cross-well alignment of frozen features."
    ) in text
    same = advice_of(unknown, evidence(HEAD, HEAD | {"active": 1.0}))
    assert same.count("take cross-well alignment of frozen features") == 1


def test_the_advice_names_the_points_and_the_numbers_behind_it():
    assert advice_of(replace(SCREEN, verdicts=SHARED), evidence(HEAD | {"shared": "row column"})) == (
        "For mine (300 perturbations in 4 wells each; replicates share their row and column; 50 % of them act (as "
        "measured)): take cross-well alignment of frozen features. At the nearest points, where 50 % act in 4 wells "
        "each and replicates share position or batch, it is above fixed alignment alone (recall +.020, +.010 to "
        "+.030). The points: p of s (10 pairs of screens, 2 training seeds on each)."
    )
    assert "No point like it was measured on several pairs of screens" in advice_of(SCREEN, evidence())
    once = advice_of(replace(SCREEN, active=None), evidence(HEAD, HEAD | {"active": 1.0, "screens": 1}))
    assert "if 50 % of the perturbations act, take cross-well alignment of frozen features" in once
    assert "No point like it where 100 % act was measured on several pairs of screens" in once


def test_one_sentence_says_where_alignment_across_wells_pays():
    rows = [
        CROSSED | {"active": 1.0},
        row("cross-well", "single-well", 0.0, -0.02, 0.02),
        row("cross-well", "single-well", -0.1, -0.2, -0.05, shared="row"),
        row("cross-well", "single-well", 0.1, 0.05, 0.2, shared="row", active=1.0, screens=1),
    ]
    assert pays(evidence(*rows)) == (
        "When alignment across wells pays, by simulated screens (docs/simulation.md). Cross-well training against "
        "single-well training: above it where 100 % act in 4 wells each and replicates lie at positions of their own; "
        "not told apart from it where 50 % act in 4 wells each and replicates lie at positions of their own; below it "
        "where 50 % act in 4 wells each and replicates share position or batch; measured on several pairs of screens "
        "nowhere else. Cross-well alignment of frozen features has not been compared with fixed alignment alone on "
        "several pairs of screens."
    )
    assert "training: nowhere shown to be above it; not told apart from it where" in pays(evidence(rows[1]))
    both = pays(evidence(CROSSED, CROSSED | {"shared": "row"}))
    assert "above it where 50 % act in 4 wells each, in either layout." in both


def test_a_difference_of_ten_keeps_its_zero():
    text = advice_of(SCREEN, evidence(row("head", "fixed", 10.5, 0.9996, 20.0)))
    assert "(recall +10.500, +1.000 to +20.000)" in text


def test_the_support_is_of_the_way_that_is_taken_alone_and_seen_from_it():
    rows = [TRAINED, row("cross-well", "single-well", -0.03, -0.05, -0.01), row("single-well", "fixed", 0.1, 0.05, 0.2)]
    text = advice_of(SCREEN, evidence(*rows, row("cross-well", "head", 0.01, -0.02, 0.04)))
    assert "take single-well training" in text
    assert (
        "it is above fixed alignment alone (recall +.100, +.050 to +.200); above cross-well alignment of frozen "
        "features (recall +.050, +.020 to +.080); above cross-well training (recall +.030, +.010 to +.050)."
    ) in text
    assert "-.020" not in text, "of two ways that are not taken"


def test_the_table_has_one_row_per_situation_with_its_points():
    rows = [
        CROSSED | {"point": "a"},
        CROSSED | {"point": "b"},
        HEAD | {"active": 1.0},
        HEAD | {"wells": 8, "screens": 1},
    ]
    lines = table(evidence(*rows)).splitlines()
    assert len(lines) == 2 + 3 and len({line.count("|") for line in lines}) == 1
    assert "a of s (10 pairs of screens, 2 training seeds on each) and b of s" in lines[2]
    assert "not measured on several pairs of screens" in lines[3] and "cross-well alignment of frozen" in lines[4]


def test_a_situation_is_read_from_the_wells_table():
    wells = pd.DataFrame(
        {
            "perturbation": ["a", "b", "DMSO"] * 4,
            "control": [None, None, "negative"] * 4,
            "plate": [p for p in "wxyz" for _ in range(3)],
            "row": [0, 1, 2] * 4,
            "column": [3, 4, 5] * 4,
        }
    )
    found = situation_of(wells, "mine", 0.3, "by hand")
    assert (found.perturbations, found.wells, found.active) == (2, 4.0, 0.3)
    assert found.shared == ["row", "column"] and found.verdicts["plate"] == "removable"
    assert shares_places(found.shared, found.verdicts) is True
    bare = situation_of(wells.drop(columns=["row", "column"]), "mine")
    assert bare.shared == [] and shares_places(bare.shared, bare.verdicts) is None
    treated = wells[wells["control"].isna()].drop(columns="control")
    assert situation_of(treated, "mine", 0.3, "by hand") == found
    with pytest.raises(InputError, match="lacks the column perturbation"):
        situation_of(wells[["plate"]], "mine")
    nothing = situation_of(wells[wells["control"].notna()], "mine")
    assert nothing.wells == 0 and advise(nothing, evidence())[0].take == "fixed"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"first": "cwa-msn"}, "row 2: first 'cwa-msn' is none of fixed, head, single-well, cross-well"),
        ({"metric": "r2"}, "row 2: metric 'r2' is none of recall, ap, phenotype"),
        ({"active": 50}, "row 2: active is a share and wells a number of at least 1"),
        ({"wells": 0}, "row 2: active is a share"),
        ({"first": "fixed", "second": "head"}, "row 2: first must be the dearer way"),
    ],
)
def test_a_table_that_is_no_evidence_is_refused(tmp_path, change, message):
    evidence(HEAD | change).to_csv(tmp_path / "evidence.csv", index=False)
    with pytest.raises(InputError, match=message):
        read_evidence(tmp_path / "evidence.csv")
    evidence(HEAD).drop(columns="seeds").to_csv(tmp_path / "evidence.csv", index=False)
    with pytest.raises(InputError, match=r"has no column seeds; take a study's tables/evidence.csv"):
        read_evidence(tmp_path / "evidence.csv")
    (tmp_path / "evidence.csv").write_text("")
    with pytest.raises(InputError, match="is not a table"):
        read_evidence(tmp_path / "evidence.csv")
