"""Numbers of wells: what of the QC table and of profiles belongs to which well."""

import numpy as np
import pandas as pd
import pytest

from cwamsn.errors import InputError
from cwamsn.plates.distance import distance_to_controls
from cwamsn.plates.layout import placed, plate_format, plate_of_wells
from cwamsn.plates.numbers import numbers_of_profiles, numbers_of_qc, numbers_of_wells
from cwamsn.plates.positions import commonest_treatment, outstanding_positions, standardised
from cwamsn.profiles import Profiles
from cwamsn.wells import address_at


def wells_of(plates=("P1", "P2"), rows=2, columns=3):
    frame = pd.DataFrame(
        [(plate, row, column) for plate in plates for row in range(1, rows + 1) for column in range(1, columns + 1)],
        columns=["plate", "row", "column"],
    )
    frame["address"] = [address_at(row, column) for row, column in zip(frame["row"], frame["column"])]
    frame["well_id"] = frame["plate"] + "_" + frame["address"]
    frame["experiment"] = "batch"
    frame["control"] = np.where(frame["column"] == 1, "negative", None)
    frame["perturbation"] = np.where(frame["column"] == 1, "DMSO", "drug")
    return frame


def profiles_of(wells, vectors):
    obs = pd.DataFrame({"Metadata_Plate": wells["plate"].to_numpy(), "Metadata_Well": wells["address"].to_numpy()})
    return Profiles(obs.set_index(wells["well_id"].to_numpy()), vectors, [f"f{i}" for i in range(vectors.shape[1])])


def test_a_well_has_the_mean_of_its_kept_fields_and_counts_of_both():
    wells = wells_of()
    qc = pd.DataFrame(
        {
            "well_id": ["P1_A01", "P1_A01", "P1_A01", "P2_B03"],
            "status": ["kept", "kept", "skipped", "kept"],
            "mean_DNA": [10.0, 20.0, 99.0, 7.0],
            "focus_DNA": [0.1, 0.3, 0.0, 0.2],
            "cell_count": [3.0, 4.0, 0.0, np.nan],
        }
    )
    found = {number.name: dict(zip(wells["well_id"], number.values)) for number in numbers_of_qc(wells, qc)}
    assert found["Mean grey level, DNA"]["P1_A01"] == 15
    assert found["Focus, DNA"]["P2_B03"] == 0.2
    assert np.isnan(found["Focus, DNA"]["P1_A02"])
    assert found["Cells per field"]["P1_A01"] == 3.5 and np.isnan(found["Cells per field"]["P2_B03"])
    assert (found["Fields kept"]["P1_A01"], found["Fields left out"]["P1_A01"]) == (2, 1)
    assert np.isnan(found["Fields kept"]["P1_A02"])  # no field of it was asked for: none was lost


def test_cells_and_doses_are_shown_where_a_screen_has_them():
    wells = wells_of().assign(cell_count=[5.0, *[np.nan] * 11], concentration=np.nan)
    (cells,) = numbers_of_wells(wells)
    assert cells.name == "Cells"
    assert cells.values[0] == 5
    assert np.isnan(cells.values[1])


def test_the_distance_to_controls_is_that_of_a_loop_over_plates_and_wells():
    wells = wells_of(rows=4)
    vectors = np.random.default_rng(0).normal(size=(len(wells), 5)).astype(np.float32)
    found = distance_to_controls(vectors, wells)
    for plate in ("P1", "P2"):
        at = np.flatnonzero(wells["plate"] == plate)
        controls = [i for i in at if wells["control"][i] == "negative"]
        raw = {
            i: np.linalg.norm(vectors[i] - np.mean([vectors[j] for j in controls if j != i], axis=0, dtype=float))
            for i in at
        }
        unit = np.median([raw[i] for i in controls])
        np.testing.assert_allclose(found[at], [raw[i] / unit for i in at], rtol=1e-6)


def test_a_plate_with_two_controls_or_equal_ones_has_no_distance():
    vectors = np.ones((12, 2), np.float32)
    assert np.isnan(distance_to_controls(vectors, wells_of())).all()
    assert np.isnan(distance_to_controls(np.ones((24, 2), np.float32), wells_of(rows=4))).all()


def test_profiles_give_a_distance_and_the_features_that_are_named():
    wells = wells_of(rows=4)
    vectors = np.random.default_rng(1).normal(size=(len(wells), 3)).astype(np.float32)
    some = wells.iloc[3:].reset_index(drop=True)
    found = numbers_of_profiles(wells, profiles_of(some, vectors[3:]), label="vit", features=["f2"])
    assert [number.name for number in found] == ["Distance to controls (vit)", "f2 (vit)"]
    assert np.isnan(found[1].values[:3]).all()
    np.testing.assert_array_equal(found[1].values[3:], vectors[3:, 2].astype(float))


def test_a_feature_or_well_that_is_not_there_is_named():
    wells = wells_of(rows=4)
    profiles = profiles_of(wells, np.ones((len(wells), 3), np.float32))
    with pytest.raises(InputError, match=r"no feature 'f22'.*f2"):
        numbers_of_profiles(wells, profiles, features=["f22"])
    with pytest.raises(InputError, match="profile P1_A01 is of no well of the screen"):
        numbers_of_profiles(wells.iloc[1:], profiles)


def test_plates_with_one_name_in_two_experiments_stay_apart():
    wells = pd.DataFrame({"well_id": ["e1_7_A01", "e2_7_A01", "odd"], "plate": "7", "address": "A01"})
    assert list(plate_of_wells(wells)) == ["e1_7", "e2_7", "7"]


@pytest.mark.parametrize(("row", "column", "shape"), [(8, 12, (8, 12)), (9, 12, (16, 24)), (32, 48, (32, 48))])
def test_a_plate_is_the_smallest_that_holds_its_wells(row, column, shape):
    assert plate_format(pd.Series([1, row]), pd.Series([1, column])) == shape


def test_positions_that_no_plate_has_are_refused():
    with pytest.raises(InputError, match="at most 48 x 72"):
        plate_format(pd.Series([99]), pd.Series([1]))
    with pytest.raises(InputError, match="without row or column"):
        plate_format(pd.Series([np.nan]), pd.Series([1.0]))


def test_addresses_beyond_z_have_two_letters():
    places = {(1, 1): "A01", (26, 3): "Z03", (27, 3): "AA03", (32, 48): "AF48"}
    assert {place: address_at(*place) for place in places} == places


def test_rows_and_columns_are_read_from_addresses_where_a_table_lacks_them():
    wells = pd.DataFrame({"address": ["B3", "AF48"], "plate": "P"})
    assert placed(wells)[["address", "row", "column"]].to_numpy().tolist() == [["B03", 2, 3], ["AF48", 32, 48]]
    with pytest.raises(InputError, match="plates: row 1: 'x' is not a well address"):
        placed(wells.assign(address=["A1", "x"]))


def test_standardised_values_are_those_of_a_loop():
    rng = np.random.default_rng(2)
    values, plates = rng.normal(size=40), np.repeat(["a", "b"], 20)
    values[3] = np.nan
    found = standardised(values, plates)
    for plate in "ab":
        own = values[plates == plate]
        middle = np.nanmedian(own)
        expected = (own - middle) / (1.4826 * np.nanmedian(np.abs(own - middle)))
        np.testing.assert_allclose(found[plates == plate], expected)


def screen_with_an_odd_corner(shift, plates=8):
    rng = np.random.default_rng(3)
    values = rng.normal(size=(plates, 96))
    values[:, 5] += shift
    names = np.repeat([f"P{i}" for i in range(plates)], 96)
    return values.ravel(), names, np.tile(np.arange(96), plates)


def test_a_position_that_is_shifted_on_every_plate_stands_out_and_no_other():
    found = outstanding_positions(*screen_with_an_odd_corner(4.0))
    assert found["position"].tolist() == [5]
    assert found["plates"].tolist() == [8]
    assert found["median"][0] > 3


def test_noise_alone_marks_no_position_and_two_plates_are_not_enough():
    assert not len(outstanding_positions(*screen_with_an_odd_corner(0.0)))
    assert not len(outstanding_positions(*screen_with_an_odd_corner(50.0, plates=2)))


def test_a_number_that_never_varies_marks_no_position():
    values, plates, positions = screen_with_an_odd_corner(0.0)
    assert not len(outstanding_positions(np.ones_like(values), plates, positions))


def test_the_commonest_treatment_of_a_position_is_counted():
    found = commonest_treatment(pd.Series(["a", "a", "b", None, "c"]), np.array([0, 0, 0, 1, 2]))
    assert found.to_dict() == {0: 2, 2: 1}
