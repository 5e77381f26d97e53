"""The tutorial's code runs as it is printed."""

import re

import pytest


@pytest.fixture
def blocks(root):
    return re.findall(r"```python\n(.*?)```", (root / "docs" / "score_from_python.md").read_text(), re.S)


def test_the_small_screen_of_the_tutorial_is_scored(blocks, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names = {}
    for block in blocks[:3]:
        exec(block, names)
    recall = names["recall"]["recall"].item()
    assert recall > 0.8 and "CORUM" in capsys.readouterr().out
    assert names["counts"]["matched"] == len(names["wells"])


def test_the_published_metadata_become_wells(blocks, shared, tmp_path, monkeypatch):
    (tmp_path / "metadata_rxrx3_core.csv").symlink_to(shared / "rxrx3_core" / "metadata_example_rows.csv")
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(blocks[3], names)
    assert {"well_id", "experiment", "perturbation", "control"} <= set(names["wells"])
