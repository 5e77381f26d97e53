"""The contracts between stages: what is refused, and that writing is whole or absent."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cwamsn import tables
from cwamsn.errors import InputError
from cwamsn.files import atomic_directory, atomic_path, progress


def wells(**changes):
    frame = pd.DataFrame(
        {
            "well_id": ["p_A01", "p_A02"],
            "screen": "s",
            "experiment": "e",
            "plate": "p",
            "address": ["A01", "A02"],
            "row": 1,
            "column": [1, 2],
            "perturbation_type": "COMPOUND",
            "perturbation": ["DMSO", "x"],
            "control": ["negative", None],
            "treatment": ["DMSO", "x"],
            "split": [None, "train"],
        }
    )
    return frame.assign(**changes)


def test_round_trip_keeps_values_and_order(tmp_path):
    tables.write(wells(concentration=[None, 2.5], surplus=1), "wells", tmp_path / "w.parquet")
    back = tables.read("wells", tmp_path / "w.parquet")
    assert "surplus" not in back
    assert back["concentration"].tolist()[1] == 2.5 and np.isnan(back["concentration"][0])
    assert back["control"].tolist() == ["negative", None]


def test_equal_tables_give_equal_bytes(tmp_path):
    for name in ("a", "b"):
        tables.write(wells(), "wells", tmp_path / f"{name}.parquet")
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        (wells().drop(columns="plate"), "lacks column plate"),
        (wells(plate=["p", None]), "row 1 has no plate"),
        (wells(well_id="same"), "well_id 'same' stands 2 times"),
    ],
)
def test_faults_are_named(frame, words, tmp_path):
    with pytest.raises(InputError, match=words):
        tables.write(frame, "wells", tmp_path / "w.parquet")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_features_must_be_finite(bad):
    frame = pd.DataFrame({"well_id": ["a", "b"], "feature_0": np.float32([1, bad])})
    with pytest.raises(InputError, match=r"row 1 \(b\)"):
        tables.check(frame, "embeddings", "file.parquet")


def test_feature_columns_are_numeric_in_order():
    assert tables.feature_columns(["feature_10", "feature_2", "well_id", "feature_x"]) == ["feature_2", "feature_10"]


@pytest.mark.parametrize(("content", "words"), [(None, "no such file"), (b"PAR1 not really", "not a readable Parquet")])
def test_unreadable_files(tmp_path, content, words):
    path = tmp_path / "x.parquet"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=words):
        tables.read("wells", path)


def test_a_failed_write_leaves_nothing(tmp_path):
    with pytest.raises(RuntimeError), atomic_path(tmp_path / "a.txt") as temporary:
        temporary.write_text("half")
        raise RuntimeError
    with pytest.raises(RuntimeError), atomic_directory(tmp_path / "d") as temporary:
        (temporary / "x").write_text("half")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


KILLED = """
import os, signal, sys
from cwamsn.files import atomic_directory, atomic_path
with atomic_path(sys.argv[1] + "/a.txt") as file, atomic_directory(sys.argv[1] + "/d") as folder:
    file.write_text("half")
    (folder / "x").write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_the_next_writer_removes_what_a_killed_one_left_and_nothing_else(tmp_path, root):
    subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], cwd=root)
    assert len(list(tmp_path.iterdir())) == 2
    others = [".a.another-node-7-0123abcd.partial.txt", ".b.txt", "a.partial.txt"]
    for name in others:
        (tmp_path / name).write_text("")
    with atomic_path(tmp_path / "a.txt") as file, atomic_path(tmp_path / "a.txt") as second:
        file.write_text("1")
        second.write_text("2")
    with atomic_directory(tmp_path / "d") as folder:
        (folder / "x").write_text("1")
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([*others, "a.txt", "d"])


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_concentration_text_is_str_of_float(value):
    assert tables.concentration_text(value) == str(float(value))


def test_progress_takes_no_lock_where_it_shows_nothing(monkeypatch):
    """tqdm's lock is shared by processes, and one that was killed while it held the lock would block this one."""
    items = [1, 2]
    assert progress(items, "fields") is items
    monkeypatch.setattr("cwamsn.files.sys.stderr.isatty", lambda: True)
    assert progress(items, "fields") is not items and list(progress(items, "fields")) == items
