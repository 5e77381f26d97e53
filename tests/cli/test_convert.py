"""`cwamsn convert`: the same vectors, in another table."""

import json

import numpy as np
import pandas as pd
import pytest

from cwamsn import tables
from cwamsn.cli.main import main
from cwamsn.embeddings import read_embeddings
from cwamsn.profiles import pool_profiles, read_profiles, write_folder, write_profiles
from cwamsn.tables import feature_columns
from tests.profiles.samples import assert_equal, embeddings, profiles, wells


def run(capsys, *words, code=0):
    assert main(["convert", *map(str, words)]) == code
    out, err = capsys.readouterr()
    return out if code == 0 else err


@pytest.fixture
def table(tmp_path):
    tables.write(wells(), "wells", tmp_path / "wells.parquet")
    return tmp_path / "wells.parquet"


def test_anndata_to_parquet_and_back_to_what_was_chosen(tmp_path, capsys):
    write_profiles(profiles(), tmp_path / "p.h5ad")
    said = run(capsys, tmp_path / "p.h5ad", tmp_path / "p.parquet")
    assert said == f"{tmp_path / 'p.parquet'}: 96 wells, 4 features (pca-center-scale@4)\n"
    said = run(capsys, tmp_path / "p.h5ad", tmp_path / "none.csv.gz", "--alignment", "none")
    assert "8 features (as embedded)" in said
    np.testing.assert_array_equal(read_profiles(tmp_path / "p.parquet").features, profiles().vectors())
    np.testing.assert_array_equal(read_profiles(tmp_path / "none.csv.gz").features, profiles().features)
    run(capsys, tmp_path / "p.h5ad", tmp_path / "again.h5ad")
    assert (tmp_path / "again.h5ad").read_bytes() == (tmp_path / "p.h5ad").read_bytes()


def test_a_folder_of_profiles_is_taken_as_it_is(tmp_path, capsys):
    write_folder(profiles(), tmp_path / "profiles")
    found = json.loads(run(capsys, tmp_path / "profiles", tmp_path / "p.h5ad", "--json"))
    assert (found["rows"], found["features"], found["level"], found["vectors"]) == (96, 8, "well", "all")
    assert_equal(read_profiles(tmp_path / "p.h5ad"), profiles())


def test_embeddings_with_the_wells_of_their_screen_become_profiles(tmp_path, table, capsys):
    frame = embeddings(wells())
    np.savez(tmp_path / "e.npz", well_id=frame["well_id"].to_numpy(str), embeddings=frame.drop(columns="well_id"))
    run(capsys, tmp_path / "e.npz", tmp_path / "p.parquet", "--wells", table)
    found = read_profiles(tmp_path / "p.parquet")
    by_id = pd.DataFrame(found.features, index=found.obs.index).loc[frame["well_id"]]
    np.testing.assert_array_equal(by_id, frame.drop(columns="well_id"))
    assert found.obs["Metadata_Perturbation"].notna().all()
    assert found.about["converted_from"] == "e.npz"


def test_rows_that_name_wells_by_other_columns_are_matched_and_counted(tmp_path, table, capsys):
    frame = embeddings(wells()).drop(columns="well_id")
    frame.insert(0, "Plate", wells()["plate"])
    frame.insert(1, "Well", wells()["address"].str.replace(r"^([A-D])0", r"\1", regex=True))
    frame.loc[2, "feature_1"] = np.nan
    frame.to_csv(tmp_path / "e.csv", index=False)
    words = [
        tmp_path / "e.csv",
        tmp_path / "p.h5ad",
        "--wells",
        table,
        "--well-column",
        "Plate",
        "--well-column",
        "Well",
    ]
    assert "NaN or infinite feature in row 2" in run(capsys, *words, code=1)
    counts = json.loads(run(capsys, *words, "--on-missing", "drop", "--json"))["counts"]
    assert (counts["undefined"], counts["matched"], counts["missing"]) == (1, 95, 1)


def test_bare_embeddings_are_those_of_a_run(tmp_path, capsys):
    write_profiles(profiles(), tmp_path / "p.h5ad")
    run(capsys, tmp_path / "p.h5ad", tmp_path / "e.parquet", "--bare", "--alignment", "none")
    found, _ = read_embeddings(tmp_path / "e.parquet", {}, wells())
    expected = embeddings(wells()).sort_values("well_id")
    np.testing.assert_array_equal(found[feature_columns(found)], expected[feature_columns(expected)])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["p.h5ad", "x.xlsx"], "no format of profiles; end the name with .parquet"),
        (["p.h5ad", "x.csv", "--bare"], "embeddings of a run are Parquet"),
        (["p.h5ad", "x.csv", "--alignment", "sphering"], "have no alignment 'sphering'; known:"),
        (["p.h5ad", "x.csv", "--array", "X_pca"], "give --wells wells.parquet"),
        (["pooled.parquet", "x.parquet", "--bare"], "profiles of perturbations, which have no well_id"),
        (["ids.csv", "x.h5ad"], "give --wells wells.parquet of their screen"),
        (["none.parquet", "x.h5ad"], "no such file"),
        (["p.h5ad", "x.h5ad", "--wells", "none.parquet"], "none.parquet: no such file"),
    ],
)
def test_what_cannot_be_converted_is_one_line(tmp_path, monkeypatch, capsys, words, message):
    monkeypatch.chdir(tmp_path)
    write_profiles(profiles(), tmp_path / "p.h5ad")
    write_profiles(pool_profiles(profiles()), tmp_path / "pooled.parquet")
    embeddings(wells()).to_csv(tmp_path / "ids.csv", index=False)
    lines = run(capsys, *words, code=1).splitlines()
    assert message in lines[-1] and lines[-1].startswith("cwamsn: ")
    assert not (tmp_path / words[1]).exists()
