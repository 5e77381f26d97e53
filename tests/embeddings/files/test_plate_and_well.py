"""Rows that name their well by plate and address, as the tools of the field do."""

import numpy as np
import pandas as pd
import pytest

from cwamsn.embeddings import read_embeddings
from cwamsn.errors import InputError
from cwamsn.notes import collected
from cwamsn.profiles import write_profiles
from cwamsn.tables import feature_columns
from tests.profiles import samples

BY_PLACE = {"well_column": ["plate", "well"]}


@pytest.fixture
def wells():
    return samples.wells()


def table(wells, **more):
    """Features with names as pycytominer's, in another order than the wells."""
    frame = samples.embeddings(wells).drop(columns="well_id")
    frame = frame.assign(Metadata_Plate=wells["plate"], Metadata_Well=wells["address"], **more)
    return frame.sample(frac=1, random_state=0)


def write(frame, path):
    writers = {".parquet": frame.to_parquet, ".csv": frame.to_csv, ".feather": pd.DataFrame.to_feather}
    if path.suffix == ".feather":
        frame.reset_index(drop=True).to_feather(path)
    else:
        writers[path.suffix](path, index=False)
    return path


def assert_all_found(path, wells, entry=None):
    with collected() as said:
        frame, counts = read_embeddings(path, entry or {}, wells)
    assert (counts["matched"], counts["missing"], counts["surplus"]) == (len(wells), 0, 0)
    expected = samples.embeddings(wells).sort_values("well_id", ignore_index=True)
    assert frame["well_id"].tolist() == expected["well_id"].tolist()
    np.testing.assert_allclose(frame[feature_columns(frame)], expected[feature_columns(expected)], rtol=1e-6)
    return said


@pytest.mark.parametrize("suffix", ["parquet", "csv", "feather"])
def test_plate_and_well_are_taken_where_no_column_holds_ids(tmp_path, wells, suffix):
    assert_all_found(write(table(wells), tmp_path / f"mine.{suffix}"), wells)


@pytest.mark.parametrize("suffix", ["npz", "h5", "zarr"])
def test_arrays_may_hold_plates_and_wells(tmp_path, wells, suffix):
    path, values = tmp_path / f"mine.{suffix}", samples.embeddings(wells).drop(columns="well_id").to_numpy()
    arrays = {"plate": wells["plate"].to_numpy(str), "well": wells["address"].to_numpy(str), "embeddings": values}
    if suffix == "npz":
        np.savez(path, **arrays)
    elif suffix == "h5":
        import h5py

        with h5py.File(path, "w") as file:
            for name, array in arrays.items():
                file[name] = array.astype("S") if array.dtype.kind == "U" else array
    else:
        import zarr

        group = zarr.open_group(path, mode="w")
        for name, array in arrays.items():
            text = array.dtype.kind == "U"
            group.create_array(name, data=array.astype(np.dtypes.StringDType()) if text else array)
    assert_all_found(path, wells, BY_PLACE)


@pytest.mark.parametrize("name", ["p.parquet", "p.csv.gz", "p.h5ad"])
def test_profiles_are_embeddings(tmp_path, wells, name):
    write_profiles(samples.profiles(), tmp_path / name, "none")
    assert_all_found(tmp_path / name, wells)


def test_spellings_of_a_well_and_a_plate_that_was_read_as_a_number(tmp_path, wells):
    wells = wells.assign(plate=wells["plate"].str.lstrip("0"))
    short = wells["address"].str[0].str.lower() + wells["address"].str[1:].astype(int).astype(str)
    frame = table(wells).assign(Metadata_Well=short, Metadata_Plate=wells["plate"].astype(float))
    said = assert_all_found(write(frame, tmp_path / "mine.parquet"), wells)
    assert "well ids are matched by another spelling (such as 17_" in said[-1]


def test_plates_of_one_name_in_several_experiments_need_the_experiment(tmp_path, wells):
    wells = wells.assign(plate="1")
    path = write(table(wells, batch=wells["experiment"]), tmp_path / "mine.parquet")
    with pytest.raises(InputError, match=r"1_A01 is several wells .* well_column: \[experiment, plate, well\]"):
        read_embeddings(path, {}, wells)
    assert_all_found(path, wells, {"well_column": ["batch", "Metadata_Plate", "Metadata_Well"]})


def test_a_barcode_as_the_user_wrote_it_is_a_plate(tmp_path, wells):
    named = wells.assign(barcode="BR " + wells["plate"] + "/a")
    path = write(table(wells).assign(Metadata_Plate=named["barcode"]), tmp_path / "mine.parquet")
    assert_all_found(path, named)
    assert_all_found(write(table(wells), path), named)


def test_a_folder_by_plate_keeps_the_plates_names(tmp_path, wells):
    for plate, part in table(wells).groupby("Metadata_Plate"):
        folder = tmp_path / "mine" / f"Metadata_Plate={plate}"
        folder.mkdir(parents=True)
        part.drop(columns="Metadata_Plate").to_parquet(folder / "part.parquet", index=False)
    assert_all_found(tmp_path / "mine", wells)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (["Metadata_Plate", "Well"], "no Well among .*; correct well_column"),
        (["a", "b", "c", "d"], "names 4 columns; give plate and well, or batch, plate and well"),
    ],
)
def test_columns_that_do_not_name_a_well_are_refused(tmp_path, wells, columns, message):
    path = write(table(wells), tmp_path / "mine.parquet")
    with pytest.raises(InputError, match=message):
        read_embeddings(path, {"well_column": columns}, wells)


def test_a_row_without_a_plate_is_refused(tmp_path, wells):
    frame = table(wells).reset_index(drop=True)
    frame.loc[4, "Metadata_Plate"] = None
    with pytest.raises(InputError, match="row 4 has no well id"):
        read_embeddings(write(frame, tmp_path / "mine.parquet"), {}, wells)


class TestOnMissing:
    def test_rows_with_nan_are_left_out_and_counted(self, tmp_path, wells):
        frame = table(wells).reset_index(drop=True)
        frame.loc[[3, 8], "feature_2"] = [np.nan, np.inf]
        path = write(frame, tmp_path / "mine.parquet")
        with pytest.raises(InputError, match="NaN or infinite feature in row 3"):
            read_embeddings(path, {}, wells)
        with collected() as said:
            found, counts = read_embeddings(path, {"on_missing": "drop"}, wells)
        assert counts["undefined"] == counts["missing"] == 2
        assert len(found) == len(wells) - 2
        assert "mine.parquet: 2 rows with NaN or infinite values are left out (as 0" in said[0]
        assert "2 of 96 wells have no embedding" in said[1]

    @pytest.mark.parametrize("rows", [1, 12, 96])
    def test_a_plate_without_any_number_is_left_out_however_the_file_is_cut(self, tmp_path, wells, rows):
        frame = table(wells).sort_values(["Metadata_Plate", "Metadata_Well"], ignore_index=True)
        features = feature_columns(frame.columns)
        frame.loc[12:23, features] = np.nan
        path = tmp_path / "mine.parquet"
        frame.to_parquet(path, index=False, row_group_size=rows)
        found, counts = read_embeddings(path, {"on_missing": "drop"}, wells)
        assert (counts["undefined"], counts["missing"], len(found)) == (12, 12, 84)

    def test_a_well_with_another_row_keeps_it(self, tmp_path, wells):
        frame = pd.concat([table(wells), table(wells).assign(feature_0=np.inf)])
        found, counts = read_embeddings(write(frame, tmp_path / "mine.csv"), {"on_missing": "drop"}, wells)
        assert (counts["undefined"], counts["missing"], counts["repeated"]) == (96, 0, 0)
        np.testing.assert_allclose(found["feature_0"], samples.embeddings(wells)["feature_0"], rtol=1e-6)

    def test_wells_without_a_row_are_left_out_whatever_their_share(self, tmp_path, wells):
        path = write(table(wells)[:10], tmp_path / "mine.parquet")
        with pytest.raises(InputError, match="86 of 96 wells have no embedding"):
            read_embeddings(path, {}, wells)
        assert read_embeddings(path, {"on_missing": "drop"}, wells)[1]["missing"] == 86

    def test_an_empty_column_and_a_file_of_another_screen_are_refused_still(self, tmp_path, wells):
        path = write(table(wells).assign(feature_1=np.nan), tmp_path / "mine.parquet")
        with pytest.raises(InputError, match="column 'feature_1' holds no finite number"):
            read_embeddings(path, {"on_missing": "drop"}, wells)
        path = write(table(wells).assign(Metadata_Plate="x"), path)
        with pytest.raises(InputError, match="none of its 96 rows is a well of the evaluation screen"):
            read_embeddings(path, {"on_missing": "drop"}, wells)
