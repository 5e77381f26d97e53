"""The layout report: pair counts and information against naive versions, verdicts on layouts whose answer is known."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import mutual_info_score

from bench.layouts import read_bray_table
from cwamsn.errors import InputError
from cwamsn.screens import layout_report
from cwamsn.screens.layouts import differing_pairs, infer_plate_maps, normalised_information

labels = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3)), min_size=2, max_size=40)


def codes(values) -> np.ndarray:
    return pd.factorize(np.array(values))[0]


@given(labels)
def test_differing_pairs_equals_the_count_over_all_pairs(pairs):
    perturbation, level = codes([p for p, _ in pairs]), codes([q for _, q in pairs])
    shares = []
    for p in set(perturbation):
        members = level[perturbation == p]
        if len(members) > 1:
            shares.append(np.mean([a != b for a, b in combinations(members, 2)]))
    if shares:
        assert differing_pairs(perturbation, level) == pytest.approx(np.mean(shares))


@given(labels)
def test_information_equals_scikit_learn(pairs):
    perturbation, level = codes([p for p, _ in pairs]), codes([q for _, q in pairs])
    entropy = mutual_info_score(level, level)
    expected = mutual_info_score(perturbation, level) / entropy if entropy > 1e-12 else 0.0
    assert normalised_information(perturbation, level) == pytest.approx(expected, abs=1e-9)


def layout(position) -> pd.DataFrame:
    """60 compounds on two maps of four plates; `position(compound, plate)` gives the row."""
    rows = []
    for compound in range(60):
        for replicate in range(4):
            plate = (compound % 2) * 4 + replicate
            rows.append((f"c{compound}", f"p{plate}", f"map{compound % 2}", position(compound, plate), None))
    for plate in range(8):
        rows += [("DMSO", f"p{plate}", f"map{plate // 4}", 1, "negative")] * 5
    return pd.DataFrame(rows, columns=["perturbation", "plate", "plate_map", "row", "control"])


def verdicts(wells) -> dict:
    return layout_report(wells).set_index("factor")["verdict"].to_dict()


def test_a_shared_map_and_position_are_shortcuts_and_a_plate_is_removable():
    found = verdicts(layout(lambda compound, plate: compound // 2 % 8 + 1))
    assert found["plate"] == "removable"
    assert found["plate_map"] == found["row"] == "shortcut"
    assert found["experiment"] == found["column"] == "untestable"


def test_randomised_positions_are_removable():
    rng = np.random.default_rng(0)
    report = layout_report(layout(lambda compound, plate: int(rng.integers(1, 9)))).set_index("factor")
    assert report.loc["row", "verdict"] == "removable"
    assert report.loc["row", "variation_within"] == pytest.approx(1.0, abs=0.1)
    assert report.loc["row", "mutual_information"] == pytest.approx(
        report.loc["row", "mutual_information_chance"], abs=0.1
    )


def test_single_wells_and_single_levels_are_untestable():
    wells = pd.DataFrame({"perturbation": ["a", "b"], "plate": ["1", "2"], "row": [1, 1]})
    report = layout_report(wells).set_index("factor")
    assert report.loc["plate", "reason"] == "no perturbation has two wells"
    assert report.loc["row", "reason"] == "one level only"


def test_a_table_without_perturbations_is_refused():
    with pytest.raises(InputError, match="perturbation"):
        layout_report(pd.DataFrame({"plate": ["1"]}))


def test_plate_maps_are_inferred_from_shared_compounds():
    wells = layout(lambda compound, plate: 1)
    wells = wells[wells["control"].isna()]
    inferred = infer_plate_maps(wells["plate"], wells["row"], wells["perturbation"])
    assert inferred.groupby(wells["plate_map"]).nunique().tolist() == [1, 1]
    assert inferred.nunique() == 2


def test_the_real_bray_layout(shared):
    report = layout_report(read_bray_table(shared / "bray" / "plate_well_compound.csv.gz")).set_index("factor")
    assert report["levels"].to_dict() == {"plate": 406, "plate_map": 99, "experiment": 0, "row": 16, "column": 24}
    assert report["verdict"].to_dict() == {
        "plate": "removable",
        "plate_map": "shortcut",
        "experiment": "untestable",
        "row": "shortcut",
        "column": "shortcut",
    }
    # 30,208 of 30,412 perturbations stand at one position on all of their plates.
    assert report.loc["row", "differing_pairs"] < 204 / 30196


def test_plates_with_the_same_compounds_in_the_same_wells_have_one_map():
    rows = [("1", f"a{i:02d}", f"C{i}") for i in range(10)] + [("2", f"a{i:02d}", f"C{i}") for i in range(4)]
    rows += [("3", f"a{i:02d}", f"C{i + 1}") for i in range(10)]  # the same compounds in other wells
    rows += [("4", "a01", None)]
    wells = pd.DataFrame(rows, columns=["plate", "well", "compound"])
    inferred = infer_plate_maps(wells["plate"], wells["well"], wells["compound"])
    assert dict(zip(wells["plate"], inferred)) == {"1": "1", "2": "1", "3": "3", "4": "4"}
