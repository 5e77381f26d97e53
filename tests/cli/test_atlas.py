"""`cwamsn atlas`: the page and what is said of it; crops that `cwamsn embed` left are found."""

import json
import shutil

import pytest

from cwamsn.cli.main import main
from cwamsn.profiling.run import WORK
from tests.atlas.pages import Page
from tests.atlas.screens import write_screen


@pytest.fixture(autouse=True)
def library(monkeypatch):
    for module in ("make", "page"):
        monkeypatch.setattr(f"cwamsn.atlas.{module}.drawing_library", lambda: ("globalThis.x = 1;", "a library"))


def test_a_folder_of_profiles_becomes_a_page_with_the_pictures_that_lie_beside_them(tmp_path, capsys):
    write_screen(tmp_path / "s")
    (tmp_path / "profiles" / WORK).mkdir(parents=True)
    shutil.copy(tmp_path / "s/profiles.h5ad", tmp_path / "profiles")
    shutil.copytree(tmp_path / "s", tmp_path / "profiles" / WORK / "s")
    out = tmp_path / "atlas.html"
    arguments = ["--no-umap", "-k", "2", "--pictures", "20", "--p-values", "perturbations", "--json"]
    assert main(["atlas", str(tmp_path / "profiles"), "--out", str(out), *arguments]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["wells"] == 66 and said["perturbations"] == 12 and said["pictures"] == 20
    assert said["bytes"] == out.stat().st_size
    page = Page(out)
    assert len(page.pictures()) == 20 and page.header["groups"]["k"] == 2
    assert "Atlas of s" in page.text and "labels of perturbations permuted" in page.header["groups"]["words"]


def test_two_tables_of_scores_need_two_names(tmp_path, capsys):
    profiles = write_screen(tmp_path)[0]
    scores = ["--scores", "a/hits.csv", "--scores", "b/hits.csv"]
    assert main(["atlas", str(profiles), "--out", str(tmp_path / "a.html"), *scores]) == 1
    assert "two tables would be called hits; write NAME=FILE" in capsys.readouterr().err
