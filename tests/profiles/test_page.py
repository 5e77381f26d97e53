"""docs/profiles.md: its code runs as it stands, and it names every column and key."""

import re
import shlex

import pandas as pd
import pytest

from cwamsn import tables
from cwamsn.cli.main import main
from cwamsn.profiles import metadata, read_profiles, write_folder
from tests.profiles.samples import embeddings, profiles, wells


@pytest.fixture
def page(root):
    return (root / "docs" / "profiles.md").read_text()


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_folder(profiles(), tmp_path / "profiles")
    return tmp_path


def blocks(page, language):
    return re.findall(rf"```{language}\n(.*?)```", page, re.S)


def test_its_code_runs(page, here, capsys):
    found, names = blocks(page, "python"), {}
    assert len(found) == 5
    for block in found:
        if "pycytominer" in block:
            pytest.importorskip("pycytominer", reason="pycytominer is not installed; make env installs it")
        exec(compile(block, "docs/profiles.md", "exec"), names)
    assert "96 wells, 32 negative controls, 4 features" in capsys.readouterr().out
    assert len(names["normalized"]) == 96
    assert len(names["precision"]) == 64
    assert read_profiles("sphered.h5ad").alignment() == "sphering"


def test_its_command_runs(page, here):
    tables.write(wells(), "wells", "wells.parquet")
    frame = embeddings(wells()).drop(columns="well_id")
    frame.assign(Plate=wells()["plate"], Well=wells()["address"]).to_csv("theirs.csv", index=False)
    (command,) = blocks(page, "sh")
    assert main(shlex.split(command)[1:]) == 0
    assert len(read_profiles("mine.h5ad")) == 96


def test_it_names_every_column_and_key(page, here):
    columns = {*metadata.OF_WELLS.values(), metadata.UNIT, *metadata.COUNTS}
    written = set(pd.read_parquet("profiles/perturbations.parquet")) | set(read_profiles("profiles").obs)
    written = {name for name in written if name.startswith("Metadata_")} - {"Metadata_moa", "Metadata_is_plate_2"}
    assert written <= columns
    assert [name for name in sorted(columns) if f"`{name}`" not in page] == []
    about = read_profiles("profiles/perturbations.parquet").about
    assert [key for key in about if f"| `{key}` |" not in page] == []
