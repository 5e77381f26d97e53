"""Cells per well: from the user's table, the QC table or the plate map, and what is no such table."""

import numpy as np
import pandas as pd
import pytest

from cwamsn import tables
from cwamsn.cell_counts import counts_of_qc, with_cell_counts
from cwamsn.errors import InputError
from cwamsn.notes import collected


def some_wells() -> pd.DataFrame:
    plates = ["24277", "24277", "P 2", "P 2"]
    return pd.DataFrame(
        {
            "well_id": ["24277_A01", "24277_A02", "P_2_A01", "P_2_AB12"],
            "plate": ["24277", "24277", "P_2", "P_2"],
            "barcode": plates,
            "address": ["A01", "A02", "A01", "AB12"],
        }
    )


def qc_table() -> pd.DataFrame:
    ids = ["24277_A01", "24277_A01", "24277_A02", "P_2_A01", "P_2_AB12"]
    return pd.DataFrame(
        {
            "field_id": [f"f{k}" for k in range(5)],
            "well_id": ids,
            "plate": "24277",
            "site": 1,
            "status": ["kept", "kept", "kept", "kept", "skipped"],
            "reason": None,
            "cell_count": [10.0, 5.0, 0.0, 7.0, np.nan],
        }
    )


def test_fields_that_were_kept_are_summed(tmp_path):
    path = tmp_path / "qc.parquet"
    tables.write(qc_table(), "qc", path)
    found = with_cell_counts(some_wells(), path)["cell_count"].tolist()
    assert found[:3] == [15, 0, 7] and np.isnan(found[3])
    per_field = counts_of_qc(tables.read("qc", path))
    assert per_field.loc["24277_A01"].to_dict() == {"cell_count": 15, "fields": 2, "cells_per_field": 7.5}


def test_without_counts_the_wells_are_what_they_were(tmp_path):
    path = tmp_path / "qc.parquet"
    tables.write(qc_table().drop(columns="cell_count"), "qc", path)
    pd.testing.assert_frame_equal(with_cell_counts(some_wells(), path), some_wells())
    assert counts_of_qc(tables.read("qc", path)) is None


@pytest.mark.parametrize("name", ["counts.csv", "counts.tsv", "counts.parquet"])
@pytest.mark.parametrize("by", ["ids", "places"])
def test_a_table_of_the_user_is_matched_by_id_or_place(tmp_path, name, by):
    places = {"Metadata_Plate": ["P 2", "P 2", "24277.0", "24277"], "Metadata_Well": ["ab12", "a1", "A-02", "A001"]}
    ids = {"well_id": ["P_2_AB12", "P_2_A01", "24277_A02", "24277_A01"]}
    frame = pd.DataFrame({**(ids if by == "ids" else places), "cell_count": [4.0, 3.0, 2.0, 1.0]})
    path = tmp_path / name
    separator = "\t" if name.endswith("tsv") else ","
    frame.to_parquet(path) if name.endswith("parquet") else frame.to_csv(path, index=False, sep=separator)
    assert with_cell_counts(some_wells(), counts=path)["cell_count"].tolist() == [1, 2, 3, 4]


def test_the_users_table_goes_first_then_the_wells_then_the_plate_map(tmp_path):
    path, qc = tmp_path / "counts.csv", tmp_path / "qc.parquet"
    path.write_text("well_id,cell_count\n24277_A01,99\nother,3\n24277_A02,\n")
    tables.write(qc_table(), "qc", qc)
    wells = some_wells().assign(platemap_Cell_Count=["5", "", "6", "7"])
    with collected() as lines:
        assert with_cell_counts(wells, qc, path)["cell_count"].fillna(-1).tolist() == [99, -1, -1, -1]
    assert lines == ["counts.csv: 1 rows are not wells of the screen, left out"]
    assert with_cell_counts(wells, qc)["cell_count"].fillna(-1).tolist() == [5, -1, 6, 7]
    assert with_cell_counts(wells.assign(cell_count=8.0), qc)["cell_count"].tolist() == [8] * 4


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("plate,well\n1,A01\n", "no column says the number of cells; call it cell_count"),
        ("plate,cell_count\n1,5\n", "no column says the well; call it address"),
        ("cell_count\n5\n", r"no column says the plate \(or well_id the well\); call it plate"),
        ("well_id,cell_count\n24277_A01,5\n24277_A01,6\n", "well 24277_A01 stands twice; keep one row of each"),
        ("plate,well,cell_count\n24277,A1,5\n24277,a01,6\n", "well 24277 A01 stands twice"),
        ("well_id,cell_count\n24277_A01,5\n24277_A02,many\n", "row 1: 'many' is no number of cells; correct it"),
        ("well_id,cell_count\n24277_A01,-5\n", "row 0: '-5' is no number of cells"),
        ("well_id,cell_count\nx,5\n", "none of its 1 rows is a well of the screen, such as 24277_A01"),
    ],
)
def test_what_is_no_table_of_counts_is_one_line(tmp_path, text, message):
    path = tmp_path / "counts.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        with_cell_counts(some_wells(), counts=path)


def test_a_place_that_two_experiments_share_needs_well_ids(tmp_path):
    path = tmp_path / "counts.csv"
    path.write_text("plate,well,cell_count\nP_2,A01,5\n")
    wells = some_wells().drop(columns="barcode").assign(plate="P_2", address=["A01", "A02", "A01", "A03"])
    with pytest.raises(InputError, match="plate and well P_2 A01 are two wells of the screen; name wells by well_id"):
        with_cell_counts(wells, counts=path)


@pytest.mark.parametrize(("name", "content"), [("none.csv", None), ("broken.parquet", b"PAR1 no more")])
def test_a_file_that_cannot_be_read_is_one_line(tmp_path, name, content):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=r"no such file of cell counts|not a readable Parquet file"):
        with_cell_counts(some_wells(), counts=path)
