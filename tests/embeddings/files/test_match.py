"""Well ids of a file and of a screen."""

import numpy as np
import pandas as pd
import pytest

from cwamsn.embeddings import read_embeddings
from cwamsn.errors import InputError
from cwamsn.tables import feature_columns
from tests.embeddings.files.samples import IDS, WELLS, N, read, table, values, write


def test_wells_spelt_another_way_are_matched_and_said(tmp_path):
    for spell in (
        lambda i: i[:-2] + str(int(i[-2:])),  # A1
        lambda i: i[:-3] + i[-3:].lower(),  # a01
        lambda i: i.replace("_1_", "/Plate1/"),
    ):
        path = write(table(well_id=list(map(spell, IDS))), tmp_path / "mine.parquet")
        frame, counts = read_embeddings(path, {}, WELLS)
        assert counts["matched"] == N and frame["well_id"].tolist() == sorted(IDS)
        np.testing.assert_array_equal(frame[feature_columns(frame)], values())
    assert "24 well ids are matched by another spelling (such as e-000/Plate1/A01)" in read(path)[1]


def test_wells_without_counterpart_show_an_id_of_each_side(tmp_path):
    path = write(table(well_id=[f"x{i}" for i in range(N)]), tmp_path / "mine.parquet")
    with pytest.raises(InputError, match=r"such as e-000_1_A01; the file has x0, which is not a well"):
        read(path)
    path = write(table(well_id=[*IDS[:12], *[f"x{i}" for i in range(12)]]), tmp_path / "mine.parquet")
    with pytest.raises(InputError, match=r"12 of 24 wells have no embedding.*; the file has x0"):
        read(path)
    extra = pd.concat([table(), table(well_id=[f"x{i}" for i in range(N)])])
    assert "24 rows are not wells of the screen (such as x0), left out" in read(write(extra, path))[1]
