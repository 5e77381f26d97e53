"""Profiles come back from their files as they were written, and equal profiles have equal bytes."""

import re

import numpy as np
import pandas as pd
import pytest

from cwamsn.errors import InputError
from cwamsn.files import read_json
from cwamsn.profiles import Profiles, pool_profiles, read_profiles, write_folder, write_profiles
from cwamsn.profiles.write import flat, to_anndata
from tests.profiles.samples import assert_equal, profiles

LEVELS = {"well": profiles, "perturbation": lambda: pool_profiles(profiles())}


@pytest.fixture(params=LEVELS)
def written(request):
    return LEVELS[request.param]()


def one_kind(found: Profiles, alignment: str) -> Profiles:
    """What a file with one kind of vectors holds."""
    values = found.vectors(alignment)
    names = found.names if alignment == "none" else [f"feature_{i}" for i in range(values.shape[1])]
    return Profiles(found.obs, values, names, about={**found.about, "vectors": alignment}, level=found.level)


def test_anndata_holds_everything(written, tmp_path):
    write_profiles(written, tmp_path / "p.h5ad")
    assert_equal(read_profiles(tmp_path / "p.h5ad"), written)


@pytest.mark.parametrize("alignment", ["none", "center-scale", "pca-center-scale@4"])
def test_parquet_holds_one_kind_of_vectors(written, tmp_path, alignment):
    write_profiles(written, tmp_path / "p.parquet", alignment)
    found = read_profiles(tmp_path / "p.parquet")
    assert_equal(found, one_kind(written, alignment))
    write_profiles(found, tmp_path / "again.parquet")
    assert (tmp_path / "again.parquet").read_bytes() == (tmp_path / "p.parquet").read_bytes()


@pytest.mark.parametrize("name", ["p.csv", "p.csv.gz", "p.tsv"])
def test_text_holds_the_same_numbers(written, tmp_path, name):
    write_profiles(written, tmp_path / name)
    found, expected = read_profiles(tmp_path / name), one_kind(written, "pca-center-scale@4")
    pd.testing.assert_frame_equal(found.obs, expected.obs)
    np.testing.assert_array_equal(found.features, expected.features)
    assert found.about == {}  # text has no place for it


def test_other_containers_of_the_same_table_are_read(written, tmp_path):
    frame, _ = flat(written, "none")
    frame.to_feather(tmp_path / "p.feather")
    (tmp_path / "parts").mkdir()
    frame[:10].to_parquet(tmp_path / "parts" / "0.parquet", index=False)
    frame[10:].to_parquet(tmp_path / "parts" / "1.parquet", index=False)
    for name in ("p.feather", "parts"):
        found = read_profiles(tmp_path / name)
        pd.testing.assert_frame_equal(found.obs, written.obs)
        np.testing.assert_array_equal(found.features, written.features)
    to_anndata(written).write_zarr(tmp_path / "p.zarr")
    assert_equal(read_profiles(tmp_path / "p.zarr"), written)


def test_a_folder_of_files_keeps_what_all_say_and_refuses_two_kinds_of_vectors(tmp_path):
    def other(about, plate):
        obs = profiles().obs
        renamed = obs.assign(Metadata_Plate=plate, Metadata_WellID=plate + "_" + obs["Metadata_Well"] + obs.index)
        return Profiles(
            renamed.set_index("Metadata_WellID", drop=False), profiles().features, profiles().names, {}, about
        )

    about = {"encoder": {"sha256": "1", "name": "x"}, "screen": {"name": "one"}, "level": "well"}
    write_profiles(other(about, "Q"), tmp_path / "f" / "a.parquet")
    write_profiles(other({**about, "screen": {"name": "two"}}, "R"), tmp_path / "f" / "b.parquet")
    found = read_profiles(tmp_path / "f")
    assert len(found) == 2 * len(profiles()) and "screen" not in found.about and found.about["level"] == "well"
    write_profiles(other({**about, "encoder": {"sha256": "2"}}, "S"), tmp_path / "f" / "c.parquet")
    with pytest.raises(InputError, match=r"c.parquet: says of its encoder .*a.parquet.*give files of one kind"):
        read_profiles(tmp_path / "f")
    write_profiles(other({**about, "vectors": "sphering"}, "S"), tmp_path / "f" / "c.parquet")
    with pytest.raises(InputError, match=r"c.parquet: says of its vectors sphering, a.parquet none"):
        read_profiles(tmp_path / "f")


def test_a_folder_of_profiles_is_its_anndata_file(tmp_path):
    pooled = write_folder(profiles(), tmp_path / "profiles")
    assert_equal(read_profiles(tmp_path / "profiles"), profiles())
    assert_equal(pooled, pool_profiles(profiles()))
    assert read_json(tmp_path / "profiles" / "about.json") == profiles().about


@pytest.mark.parametrize("name", ["p.parquet", "p.h5ad", "p.csv.gz"])
def test_equal_profiles_have_equal_bytes(tmp_path, name):
    for folder in ("a", "b"):
        write_profiles(profiles(), tmp_path / folder / name)
    assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_metadata_stands_first_and_the_other_columns_are_features(tmp_path):
    write_profiles(profiles(), tmp_path / "p.parquet", "none")
    names = list(pd.read_parquet(tmp_path / "p.parquet"))
    assert names[:2] == ["Metadata_Plate", "Metadata_Well"]
    assert [n for n in names if not n.startswith("Metadata_")] == names[-8:] == [f"feature_{i}" for i in range(8)]


def write_frame(path, **columns):
    pd.DataFrame(columns).to_csv(path, index=False)
    return path


def test_a_table_of_another_tool_is_read(tmp_path):
    path = write_frame(
        tmp_path / "x.csv", Metadata_Well=["A1", "B2"], Metadata_Plate=["007", "007"], Cells_Area=[1.5, 2]
    )
    found = read_profiles(path)
    assert found.obs.index.tolist() == ["007_A1", "007_B2"]
    assert (found.level, found.names, found.about) == ("well", ["Cells_Area"], {})


def test_a_perturbation_may_be_called_na(tmp_path):
    path = write_frame(tmp_path / "x.csv", Metadata_Perturbation=["NA", "None", "7"], f=[1.5, 2, 3])
    assert read_profiles(path).obs.index.tolist() == ["NA", "None", "7"]


def test_text_keeps_the_zeros_of_a_lot_and_reads_numbers_as_numbers(tmp_path):
    columns = {"Lot": ["007", "12", "1e5"], "Count": ["7", "12", "0"], "Dose": ["0.1", "", "1e-05"]}
    columns |= {"Good": ["True", "False", "True"], "Word": ["7", "x", ""], "Perturbation": ["a", "b", "c"]}
    path = write_frame(tmp_path / "x.csv", **{f"Metadata_{k}": v for k, v in columns.items()}, f=[1.5, 2, 3])
    obs = read_profiles(path).obs
    assert obs["Metadata_Lot"].tolist() == ["007", "12", "1e5"]
    assert obs["Metadata_Count"].tolist() == [7, 12, 0] and obs["Metadata_Count"].dtype.kind == "i"
    np.testing.assert_array_equal(obs["Metadata_Dose"], [0.1, np.nan, 1e-5])
    assert obs["Metadata_Good"].tolist() == [True, False, True]
    assert obs["Metadata_Word"].tolist() == ["7", "x", None]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"Metadata_Plate": ["1"], "Metadata_Well": ["A01"], "compound": ["x"]}, "column 'compound' is no number"),
        ({"Metadata_X": ["1"], "f": [1.0]}, "has neither Metadata_Plate with Metadata_Well nor Metadata_Perturbation"),
        ({"Metadata_Plate": [1, 1], "Metadata_Well": ["A01"] * 2, "f": [1.0, 2]}, "1_A01 stands twice"),
        ({"Metadata_Perturbation": ["x"], "f": [np.nan], "g": [1.0]}, "features of x has a NaN or infinite value"),
        ({"Metadata_Perturbation": ["x"], "Metadata_Concentration": ["1 uM"], "f": [1.0]}, "Concentration holds"),
    ],
)  # fmt: skip
def test_a_table_that_is_none_of_profiles_is_refused(tmp_path, columns, message):
    path = write_frame(tmp_path / "x.csv", **columns)
    with pytest.raises(InputError, match=re.escape(message)) as raised:
        read_profiles(path)
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_file_that_is_absent_cut_or_of_another_kind_is_refused(tmp_path):
    with pytest.raises(InputError, match="no such file"):
        read_profiles(tmp_path / "p.parquet")
    for name in ("p.parquet", "p.h5ad"):
        write_profiles(profiles(), tmp_path / name)
        (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:300])
        with pytest.raises(InputError, match="not readable as"):
            read_profiles(tmp_path / name)
    (tmp_path / "p.xlsx").write_bytes(b"")
    with pytest.raises(InputError, match="not known as profiles by its suffix"):
        read_profiles(tmp_path / "p.xlsx")
    with pytest.raises(InputError, match="no format of profiles"):
        write_profiles(profiles(), tmp_path / "p.xlsx")
