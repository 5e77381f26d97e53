"""Masks over the wells table."""

import pandas as pd
import pytest

from cwamsn.wells import is_negative, is_treated


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
