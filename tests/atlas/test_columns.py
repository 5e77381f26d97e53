"""What points are coloured by: which columns say something, and users' numbers joined to them."""

import numpy as np
import pandas as pd

from cwamsn.atlas.columns import category, of_metadata, of_scores


def test_classes_are_sorted_as_people_count_and_a_missing_one_is_none():
    column = category("k", "plate", pd.Series(["p10", "p2", None, "p2"]))
    assert column.categories == ("p2", "p10") and column.values.tolist() == [1, 0, -1, 0]


def test_columns_that_never_differ_or_always_do_are_left_out():
    obs = pd.DataFrame(
        {
            "Metadata_Perturbation": [f"x{i}" for i in range(50)],
            "Metadata_Batch": ["one"] * 50,
            "Metadata_Concentration": [1.0] * 25 + [np.nan] * 25,
            "Metadata_Lot": ["a", "b"] * 25,
            "Metadata_Note": [f"note {i}" for i in range(50)],
            "Metadata_Constant": [3.0] * 50,
            "Metadata_WellID": [f"w{i}" for i in range(50)],
        }
    )
    assert [c.label for c in of_metadata(obs)] == ["perturbation", "dose, µM", "Lot"]


def test_scores_are_joined_by_name_and_dose_and_means_taken_of_repeats():
    keys = pd.DataFrame(
        {"perturbation": ["a", "a", "b"], "perturbation_type": "COMPOUND", "concentration": [1.0, 2.0, np.nan]}
    )
    dosed = pd.DataFrame(
        {"perturbation": ["a", "a", "a", "b"], "concentration": [1, 1, 2, np.nan], "mAP": [2, 4, 5, 7]}
    )
    plain = pd.DataFrame({"perturbation": ["b"], "mAP": [9.0], "word": ["x"]})
    on = ["perturbation", "perturbation_type", "concentration"]
    found = of_scores(keys, {"d": dosed, "p": plain, "w": pd.DataFrame({"well_id": ["q"], "mAP": [1.0]})}, on)
    assert [c.label for c in found] == ["mAP (d)", "mAP (p)"]
    np.testing.assert_array_equal(found[0].values, [3, 5, 7])
    np.testing.assert_array_equal(found[1].values, [np.nan, np.nan, 9])
