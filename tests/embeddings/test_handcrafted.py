"""Measured features: segmentation on drawn cells, cp_measure on a crop, and how wells become embeddings."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from cwamsn.embeddings import HandcraftedOptions
from cwamsn.embeddings.handcrafted import (
    PERCENTILES,
    cell_count,
    cell_profiles,
    combine_units,
    measure_unit,
    pixel_statistics,
    segment,
)
from cwamsn.errors import InputError
from cwamsn.notes import collected

CHANNELS = ["ERSyto", "Hoechst"]
OPTIONS = HandcraftedOptions(smoothing=1.0, max_cells=None, max_fields=2)
CENTRES = [(20, 20), (20, 60), (60, 25), (62, 40), (55, 75)]  # the third and fourth nucleus touch


def drawn(seed=0, brightness=1.0):
    """(2, 80, 96) uint8: bright nuclei of 8 pixels radius in dimmer cells of 13."""
    y, x = np.mgrid[:80, :96]
    crop = np.full((2, 80, 96), 10.0)
    for cy, cx in CENTRES:
        away = np.hypot(y - cy, x - cx)
        crop[0][away < 13] = 70 * brightness
        crop[1][away < 8] = 160 * brightness
    noise = np.random.default_rng(seed).normal(0, 3, crop.shape)
    return np.clip(crop + noise, 0, 255).astype(np.uint8)


def test_touching_nuclei_are_split_and_cells_keep_their_numbers():
    nuclei, cells = segment(drawn()[1], drawn()[0], OPTIONS)
    assert nuclei.max() == cells.max() == len(CENTRES)
    assert sorted(nuclei[c] for c in CENTRES) == [1, 2, 3, 4, 5]
    assert (cells[nuclei > 0] == nuclei[nuclei > 0]).all()
    areas = np.bincount(nuclei.ravel())[1:]
    assert (np.abs(areas - np.pi * 64) < 0.25 * np.pi * 64).all()
    assert (np.bincount(cells.ravel())[1:] > areas).all()


@pytest.mark.parametrize("value", [0, 77])
def test_an_empty_field_has_no_cells(value):
    flat = np.full((2, 64, 64), value, np.uint8)
    nuclei, cells = segment(flat[1], flat[0], OPTIONS)
    assert nuclei.max() == cells.max() == 0
    assert cell_profiles(flat, CHANNELS, OPTIONS)[2] == 0
    assert cell_count(flat, CHANNELS, OPTIONS)["nuclei"] == 0


def test_specks_are_no_nuclei():
    plane = np.zeros((64, 64), np.uint8)
    plane[10:13, 10:13] = 200
    assert segment(plane, plane, OPTIONS)[0].max() == 0


def test_cell_profiles_measure_what_was_drawn():
    crop = drawn()
    values, columns, found = cell_profiles(crop, CHANNELS, OPTIONS)
    assert found == len(values) == len(CENTRES)
    assert len(set(columns)) == len(columns) == values.shape[1] > 1000
    assert not [c for c in columns if "Costes" in c]
    table = pd.DataFrame(values, columns=columns)
    nuclei, _ = segment(crop[1], crop[0], OPTIONS)
    np.testing.assert_allclose(table["Nuclei_Area"], np.bincount(nuclei.ravel())[1:])
    for label in range(1, 6):
        mean = crop[1][nuclei == label].mean() / 255
        assert table["Nuclei_Intensity_MeanIntensity__Hoechst"][label - 1] == pytest.approx(mean, rel=1e-6)
    assert (table["Cells_Area"] > table["Nuclei_Area"]).all()


def test_max_cells_caps_the_work_evenly():
    values, _, found = cell_profiles(drawn(), CHANNELS, replace(OPTIONS, max_cells=3))
    assert found == 5 and len(values) == 3


def test_a_wrong_channel_is_named():
    with pytest.raises(InputError, match="nuclear_channel: the crops have no channel 'DNA'; they have ERSyto, Hoechst"):
        cell_count(drawn(), CHANNELS, replace(OPTIONS, nuclear_channel="DNA"))


def test_pixel_statistics_are_numpys():
    crop = drawn()
    values = pixel_statistics(crop, CHANNELS)
    assert len(values) == 2 * (2 + len(PERCENTILES))
    assert values["Hoechst_mean"] == pytest.approx(crop[1].mean())
    assert values["ERSyto_p95"] == pytest.approx(np.percentile(crop[0], 95))


class Store:
    """As much of a crop store as `measure_unit` uses."""

    channels = tuple(CHANNELS)

    def __init__(self, crops, wells):
        self.crops = crops
        self.frame = pd.DataFrame({"crop_id": [f"c{i}" for i in range(len(crops))], "well_id": wells})

    def load(self, i):
        return self.crops[i]


def test_wells_pool_all_their_fields_up_to_the_cap():
    crops = [drawn(0), drawn(1, 1.3), drawn(2), drawn(3)]
    table = measure_unit(Store(crops, ["a", "b", "a", "a"]), "pixel-statistics", OPTIONS).set_index("well_id")
    first_two = np.mean([crops[0][1].mean(), crops[2][1].mean()])
    assert table.loc["a", "Hoechst_mean"] == pytest.approx(first_two)
    assert table.loc["b", "Hoechst_mean"] > table.loc["a", "Hoechst_mean"]


def test_cellprofiler_style_is_the_median_over_cells_of_all_fields():
    crops = [drawn(0), drawn(1, 1.2)]
    table = measure_unit(Store(crops, ["a", "a"]), "cellprofiler-style", OPTIONS)
    measured = [cell_profiles(crop, CHANNELS, OPTIONS) for crop in crops]
    each = [pd.DataFrame(values, columns=columns) for values, columns, _ in measured]
    name = "Cells_Intensity_MeanIntensity__ERSyto"
    assert table[name][0] == pytest.approx(np.median(np.concatenate([t[name] for t in each])))
    assert table["Count_Cells"][0] == 5


def test_combining_drops_fills_and_scales():
    columns = ["well_id", "good", "same", "undefined", "holed"]
    first = [("b", 1.0, 5.0, np.nan, 1.0), ("a", 2.0, 5.0, 1.0, 2.0)]
    second = [("c", 4.0, 5.0, np.nan, np.inf), ("d", 9.0, 5.0, 2.0, 3.0)]
    parts = [pd.DataFrame(rows, columns=columns) for rows in (first, second)]
    frame, report = combine_units(parts, max_missing=0.3)
    assert list(frame["well_id"]) == ["a", "b", "c", "d"]
    assert report["columns"] == ["good", "holed"]
    assert (report["columns_undefined"], report["columns_constant"], report["values_filled"]) == (1, 1, 1)
    good = np.array([2.0, 1.0, 4.0, 9.0])
    expected = (good - 3.0) / (1.4826 * np.median(np.abs(good - 3.0)))
    np.testing.assert_allclose(frame["feature_0"], expected, rtol=1e-6)
    assert frame["feature_1"][2] == 0  # the undefined value became the median
    assert np.isfinite(frame[["feature_0", "feature_1"]].to_numpy()).all()


def test_wells_without_cells_and_columns_left_out_are_said():
    rng = np.random.default_rng(0)
    part = pd.DataFrame(rng.random((40, 6)), columns=list("abcdef")).assign(well_id=[f"w{i:02d}" for i in range(40)])
    part.loc[7, list("abcde")] = np.nan
    part.loc[:9, "f"] = np.nan
    with collected() as said:
        combine_units([part])
    assert said == [
        "1 of 40 wells have no value in most features (no cells found, such as in w07): they take the others' medians",
        "1 of 6 measured columns are undefined in too many wells and left out",
    ]


def test_nothing_measurable_is_an_input_error():
    with pytest.raises(InputError, match="every column is undefined or constant"):
        combine_units([pd.DataFrame({"well_id": ["a", "b"], "x": [1.0, 1.0]})])
