"""Which crops a training may use."""

import pytest

from cwamsn.training.data import select_crops
from cwamsn.training.recipe import PairOptions
from tests.training.tiny import crops_frame, wells_frame


def split_screen(control_split=None):
    """Compounds in three parts, P00 to P07 in the training part; DMSO as `control_split` says."""
    wells = wells_frame()
    part = {f"P{i:02d}": "train" if i < 8 else "val" if i < 10 else "test" for i in range(12)}
    return wells.assign(split=wells["perturbation"].map(part | {"DMSO": control_split}))


@pytest.mark.parametrize("control_split", [None, "train"])
@pytest.mark.parametrize("controls", ["keep", "drop"])
def test_controls_are_kept_or_dropped_on_a_screen_with_a_split(controls, control_split):
    """A split by compound gives controls no part, so that they are in none of its parts by its own words."""
    wells = split_screen(control_split)
    frame, counts = select_crops(crops_frame(wells), wells, PairOptions(controls=controls), "screen")
    compounds = {f"P{i:02d}" for i in range(8)}
    assert set(frame["perturbation"]) == (compounds | {"DMSO"} if controls == "keep" else compounds)
    kept = 4 * 2 * 2  # plates, wells, sites
    assert counts["crops"] == len(frame) == 8 * 4 * 2 + (kept if controls == "keep" else 0)
    assert counts.get("control_crops_kept") == (kept if controls == "keep" else None)


def test_controls_of_another_part_are_not_kept():
    wells = split_screen("test")
    frame, counts = select_crops(crops_frame(wells), wells, PairOptions(controls="keep"), "screen")
    assert "DMSO" not in set(frame["perturbation"]) and counts["control_crops_kept"] == 0
