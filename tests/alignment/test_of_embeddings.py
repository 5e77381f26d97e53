"""Aligned vectors as embeddings of their own."""

import numpy as np
import pandas as pd
import pytest

from cwamsn.alignment import AlignOptions, align, aligned_embeddings, keeps_features
from cwamsn.embeddings import features_frame
from cwamsn.errors import InputError


@pytest.fixture
def found():
    rng = np.random.default_rng(0)
    ids = [f"w{i:02d}" for i in range(40)]
    wells = pd.DataFrame({"well_id": ids, "experiment": ["a", "b"] * 20, "plate": "p"})
    wells["control"] = ["negative" if i % 4 < 2 else None for i in range(40)]
    return features_frame(np.array(ids, object), rng.normal(size=(40, 3)).astype(np.float32)), wells


def test_they_are_what_align_gives_for_any_order_of_the_rows(found):
    frame, wells = found
    wanted = align(frame.iloc[:, 1:].to_numpy(), wells, "center-scale")
    turned = frame.sample(frac=1, random_state=0)
    got = aligned_embeddings(turned, wells.iloc[::-1].reset_index(drop=True), "center-scale")
    assert list(got["well_id"]) == list(frame["well_id"])
    np.testing.assert_allclose(got.iloc[:, 1:], wanted, atol=1e-6)


def test_only_the_wells_of_another_method_are_kept_and_all_are_fitted_on(found):
    frame, wells = found
    whole = aligned_embeddings(frame, wells, "center-scale")
    some = aligned_embeddings(frame, wells, "center-scale", only=["w03", "w07"])
    pd.testing.assert_frame_equal(some, whole[whole["well_id"].isin(["w03", "w07"])].reset_index(drop=True))
    with pytest.raises(InputError, match="none of the wells of the other method"):
        aligned_embeddings(frame, wells, "none", only=["x"])
    with pytest.raises(InputError, match="well w00 is not in the wells table"):
        aligned_embeddings(frame, wells[1:], "none")


def test_which_alignments_leave_a_feature_what_it_was():
    assert keeps_features("center-scale") and keeps_features("sphering") and keeps_features("none")
    assert not keeps_features("pca-center-scale@8") and not keeps_features("harmony")
    own = AlignOptions(recipes={"mine": ["mad-robustize", "select-features"]})
    assert not keeps_features("mine", own)
