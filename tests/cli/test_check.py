"""`cwamsn check` and `snakemake check`."""

import importlib
import json

import pytest

from cwamsn.cli.main import main
from tests.checks.plates import Lab


@pytest.fixture
def lab(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = Lab(tmp_path)
    made.write()
    return made


def test_a_screen_in_order_ends_with_0_and_leaves_a_page(lab, tmp_path, capsys):
    assert main(["check", "load_data.csv", "--platemap", "platemap.csv"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("load_data.csv: ready\n") and "80 files are there" in out and err == ""
    assert (tmp_path / "check.html").exists()


def test_what_must_be_corrected_ends_with_1_and_is_in_the_json(lab, tmp_path, capsys):
    lab.path("P1", "B01", "ER").unlink()
    words = ["check", "load_data.csv", "--platemap", "platemap.csv", "--sample", "3", "--page", "p/q.html", "--json"]
    assert main(words) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["errors"] == 1 and found["sample"]["fields"] == 3 and found["page"] == "p/q.html"
    assert "P1_B01_ER.tif" in found["findings"][0]["text"] and (tmp_path / "p/q.html").exists()


def test_a_screen_that_is_not_there_is_one_line(lab, capsys):
    assert main(["check", "nothing.csv"]) == 1
    assert capsys.readouterr().err.startswith("cwamsn: nothing.csv: no such file or folder")


def test_all_and_a_sample_exclude_each_other(lab, capsys):
    assert main(["check", "load_data.csv", "--all", "--sample", "3"]) == 1
    assert "give one of them" in capsys.readouterr().err


@pytest.mark.parametrize("module", ["check", "embed"])
def test_paragraphs_of_the_help_begin_at_the_margin(module):
    lines = importlib.import_module(f"cwamsn.cli.{module}").command.help.splitlines()
    assert lines[-1] and not any(line.startswith(" ") for line in lines)
