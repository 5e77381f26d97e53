"""Masks over the wells table."""

import pandas as pd
import pytest

from cwamsn.wells import is_kept, is_negative, is_treated


@pytest.mark.parametrize("copies", [False, True])
def test_masks_may_be_changed_whether_pandas_copies_on_write_or_not(copies):
    """pycytominer switches it on for the whole process; pandas 3 has nothing else."""
    with pd.option_context("mode.copy_on_write", copies):
        wells = pd.DataFrame({"control": ["negative", None, "other", None], "perturbation": ["a", "b", "c", None]})
        negative, treated = is_negative(wells), is_treated(wells)
        assert negative.tolist() == [True, False, False, False]
        assert treated.tolist() == [False, True, False, False]
        negative |= treated
        treated &= negative
    assert wells["control"].notna().tolist() == [True, False, True, False]


@pytest.mark.parametrize(
    ("keep", "kept"), [("split", [0, 1]), ("split_and_controls", [0, 1, 2]), ("all", [0, 1, 2, 3, 4])]
)
def test_wells_of_which_a_screen_keeps_images(keep, kept):
    control = [None, None, "negative", "other", None]
    wells = pd.DataFrame({"control": control, "split": ["train", "test", None, None, None]})
    assert is_kept(wells, keep).nonzero()[0].tolist() == kept
    assert is_kept(wells.assign(split=None), keep).all(), "without a split nothing is left out"
