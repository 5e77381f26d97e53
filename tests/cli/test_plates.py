"""`cwamsn plates`: a screen's folder, what `cwamsn embed` wrote, or profiles alone."""

import json

import numpy as np
import pandas as pd
import pytest

from cwamsn import tables
from cwamsn.cli.main import main
from cwamsn.profiles import write_anndata
from tests.pictures.stores import noise, write_store
from tests.plates.test_numbers import profiles_of, wells_of
from tests.plates.test_page import data_of


@pytest.fixture
def run(capsys):
    """The exit code and what was printed, to both streams."""

    def call(*arguments):
        code = main(["plates", *map(str, arguments)])
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


@pytest.fixture
def screen(tmp_path):
    wells = wells_of(rows=4).assign(screen="s", perturbation_type="COMPOUND", treatment=None, split=None)
    folder = tmp_path / "s"
    write_store(folder, {well: [noise(i, 32, 32)] for i, well in enumerate(wells["well_id"])})
    tables.write(wells, "wells", folder / "wells.parquet")
    qc = pd.DataFrame({"field_id": wells["well_id"] + "-1", "well_id": wells["well_id"], "plate": wells["plate"]})
    qc = qc.assign(site=1, status="kept", reason=None, mean_DNA=np.arange(len(wells), dtype=float))
    tables.write(qc, "qc", folder / "qc.parquet")
    return folder, wells


def test_the_folder_of_a_screen_gives_heat_maps_and_pictures(run, screen, tmp_path):
    folder, wells = screen
    vectors = np.random.default_rng(0).normal(size=(len(wells), 3)).astype(np.float32)
    write_anndata(profiles_of(wells, vectors), tmp_path / "p.h5ad")
    more = ["--profiles", tmp_path / "p.h5ad", "--feature", "f1", "--out", tmp_path / "out"]
    code, out, err = run("--json", folder, *more)
    assert code == 0, err
    answer = json.loads(out)
    assert (answer["plates"], answer["wells"]) == (2, 24)
    assert {"Mean grey level, DNA", "Distance to controls", "f1"} <= set(answer["numbers"])
    files = data_of(tmp_path / "out" / "plates.html")["montages"]["files"]
    assert all((tmp_path / "out" / name).is_file() for names in files.values() for name in names)


def test_pictures_can_be_left_out(run, screen, tmp_path):
    code, _, err = run(screen[0], "--no-montages", "--out", tmp_path / "out")
    assert code == 0, err
    assert data_of(tmp_path / "out" / "plates.html")["montages"] is None
    assert not (tmp_path / "out" / "montages").exists()


def test_a_table_of_profiles_is_enough(run, tmp_path):
    wells = wells_of(rows=4)
    write_anndata(profiles_of(wells, np.ones((len(wells), 2), np.float32)), tmp_path / "p.h5ad")
    code, out, err = run(tmp_path / "p.h5ad", "--feature", "f0", "--out", tmp_path / "out")
    assert code == 0, err
    assert "2 plates, 24 wells" in out


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda folder: folder / "absent", "no such file or folder"),
        (lambda folder: folder, "holds neither profiles nor wells.parquet"),
    ],
)
def test_what_holds_no_plates_is_refused_in_one_line(run, tmp_path, make, said):
    code, _, err = run(make(tmp_path), "--out", tmp_path / "out")
    assert code == 1
    assert said in err and len(err.strip().splitlines()) == 1


def test_a_feature_that_no_profiles_have_is_named(run, screen, tmp_path):
    code, _, err = run(screen[0], "--feature", "nucleus", "--out", tmp_path / "out")
    assert code == 1
    assert "'nucleus'" in err
