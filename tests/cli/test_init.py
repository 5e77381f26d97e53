"""`cwamsn init`: what it prints, and that every command and the workflow take what it writes."""

import json
import shutil

import pytest

from cwamsn.cli import main as script
from cwamsn.screen_specs.argument import screen_from_argument

from ..workflow.chain import snakemake


@pytest.fixture
def plates(shared, tmp_path, monkeypatch):
    """Two real plates of LINCS in a folder of their own."""
    for plate in ("SQ00015198", "SQ00015230"):
        shutil.copytree(shared / "lincs_a549/images" / plate, tmp_path / "plates" / plate)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_real_plates_become_a_screen_that_the_workflow_plans(plates, capsys):
    assert script.main(["init", "plates", "--channels", "DNA,RNA,ER,AGP,Mito"]) == 0
    said = capsys.readouterr()
    assert said.err == "" and said.out.splitlines() == [
        "pattern: opera, Opera, Opera Phenix and Operetta (Harmony, Columbus exports), as in "
        "SQ00015198/r01c01f01p01-ch1sk1fk1fl1.png",
        "plates: 2 (SQ00015198, SQ00015230)",
        "found: 8 wells, 16 fields, 80 images",
        "stains: DNA = ch1, RNA = ch2, ER = ch3, AGP = ch4, Mito = ch5",
        "written: load_data.csv, platemap.csv, my.yaml",
        "next: fill in platemap.csv; cwamsn check my.yaml",
    ]
    assert screen_from_argument("my.yaml").units() == ["SQ00015198", "SQ00015230"]
    planned = snakemake(plates, "-n", config=plates / "my.yaml").stdout
    assert "data/mine/wells.parquet" in planned and "untrained-vit" in planned


def test_what_was_left_out_and_is_missing_is_said(plates, capsys):
    (plates / "plates/SQ00015198/overview.png").write_bytes(b"")
    (plates / "plates/SQ00015198/r01c01f01p01-ch2sk1fk1fl1.png").unlink()
    assert script.main(["init", "plates", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["lacking"] == {"ch2": 1} and found["unmatched"] == ["SQ00015198/overview.png"]
    assert script.main(["init", "plates", "--force"]) == 0
    said = capsys.readouterr().out
    assert "missing: 1 of 16 fields lack a stain (ch2 in 1); they are left out" in said
    assert "left out: 1 image file with another name, such as SQ00015198/overview.png" in said
    assert "the stains have no names yet: --channels NAME=ch1,NAME=ch2,..." in said


def test_a_folder_that_matches_nothing_ends_in_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x").mkdir()
    for name in ("r01c02f03p01-ch1.tiff", "r01c02f03p01-ch2.tiff"):
        (tmp_path / "x" / name).write_bytes(b"")
    assert script.main(["init", "x"]) == 1
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("\n") == 1
    assert "such as r01c02f03p01-ch1.tiff, r01c02f03p01-ch2.tiff; nearest: opera" in said.err
