"""Vectors from a file and the wells of a screen: matched, counted, averaged, checked."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cwamsn.embeddings import load_features, read_embeddings
from cwamsn.errors import InputError
from cwamsn.tables import feature_columns
from tests.embeddings.files.writers import WRITERS, N, frame_of, write_parquet


@pytest.mark.parametrize("suffix", WRITERS)
def test_nan_stops_and_names_the_well(tmp_path, wells, values, suffix):
    values[7, 18] = np.nan
    path = tmp_path / f"mine.{suffix}"
    WRITERS[suffix](path, wells["well_id"].tolist(), values)
    name = wells["well_id"][7].replace("compound-001_", "compound-001_Plate" if suffix == "h5" else "compound-001_")
    with pytest.raises(InputError, match=rf"NaN or infinite feature in row 7 \({name}\)"):
        read_embeddings(path, {}, wells)


def test_infinite_and_too_large_for_float32(tmp_path, wells, values):
    wide = values.astype(np.float64)
    wide[3, 2] = 1e300
    write_parquet(tmp_path / "mine.parquet", wells["well_id"], wide)
    with pytest.raises(InputError, match="row 3"), np.errstate(over="ignore"):
        read_embeddings(tmp_path / "mine.parquet", {}, wells)


def test_missing_wells_up_to_the_share(tmp_path, wells, values):
    path = tmp_path / "mine.parquet"
    write_parquet(path, wells["well_id"][3:], values[3:])
    frame, counts = read_embeddings(path, {}, wells, max_missing_share=0.05)
    assert (counts["missing"], counts["matched"], len(frame)) == (3, N - 3, N - 3)
    write_parquet(path, wells["well_id"][4:], values[4:])
    with pytest.raises(InputError, match=r"4 of 60 wells have no embedding \(first: compound-001_.*max_missing_share"):
        read_embeddings(path, {}, wells, max_missing_share=0.05)


def test_surplus_wells_are_counted_and_left_out(tmp_path, wells, values):
    write_parquet(tmp_path / "mine.parquet", wells["well_id"], values)
    frame, counts = read_embeddings(tmp_path / "mine.parquet", {}, wells[5:])
    assert counts["surplus"] == 5 and len(frame) == N - 5
    assert set(frame["well_id"]) == set(wells["well_id"][5:])


def test_no_well_in_common(tmp_path, wells, values):
    write_parquet(tmp_path / "mine.parquet", [f"x{i}" for i in range(N)], values)
    with pytest.raises(InputError, match="none of its 60 rows is a well"):
        read_embeddings(tmp_path / "mine.parquet", {}, wells)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), suffix=st.sampled_from(["parquet", "npz"]))
def test_several_rows_of_a_well_are_averaged(tmp_path_factory, seed, suffix):
    rng = np.random.default_rng(seed)
    wells = pd.DataFrame({"well_id": [f"w{i}" for i in range(8)]})
    ids = [f"w{i}" for i in np.concatenate([np.arange(8), rng.integers(0, 8, 12)])]
    values = rng.standard_normal((20, 5)).astype(np.float32)
    order = rng.permutation(20)
    path = tmp_path_factory.mktemp("repeated") / f"mine.{suffix}"
    WRITERS[suffix](path, [ids[i] for i in order], values[order])
    frame, counts = read_embeddings(path, {}, wells)
    expected = frame_of(ids, values.astype(np.float64)).groupby("well_id").mean()
    np.testing.assert_allclose(frame.set_index("well_id"), expected, rtol=1e-6, atol=1e-7)
    assert counts["repeated"] == (pd.Series(ids).value_counts() > 1).sum() and counts["rows"] == 20


def test_row_without_a_well(tmp_path, wells, values):
    ids = wells["well_id"].tolist()
    ids[9] = None
    write_parquet(tmp_path / "mine.parquet", ids, values)
    with pytest.raises(InputError, match="row 9 has no well id"):
        read_embeddings(tmp_path / "mine.parquet", {}, wells)


def test_columns_by_list_prefix_and_type(tmp_path, wells, values):
    path = tmp_path / "mine.parquet"
    frame = pd.DataFrame(values[:, :3], columns=["emb_0", "emb_1", "count"]).assign(
        id=wells["well_id"], note="x", other=np.arange(N)
    )
    frame.to_parquet(path, index=False)
    with pytest.raises(InputError, match=r"no well_id or names among .*set well_column"):
        read_embeddings(path, {}, wells)
    entry = {"well_column": "id"}
    assert len(feature_columns(read_embeddings(path, entry, wells)[0])) == 2  # neither the count nor the row number
    assert len(feature_columns(read_embeddings(path, entry | {"feature_columns": "emb_"}, wells)[0])) == 2
    got = read_embeddings(path, entry | {"feature_columns": ["count", "emb_0"]}, wells)[0].set_index("well_id")
    np.testing.assert_array_equal(got.loc[wells["well_id"], "feature_0"], values[:, 2])
    with pytest.raises(InputError, match="no column 'nope'; correct feature_columns"):
        read_embeddings(path, entry | {"feature_columns": ["nope"]}, wells)
    with pytest.raises(InputError, match="no column that begins with 'cls_'"):
        read_embeddings(path, entry | {"feature_columns": "cls_"}, wells)
    with pytest.raises(InputError, match="column 'note', row 0 holds 'x', not a number"):
        read_embeddings(path, entry | {"feature_columns": ["note", "emb_0"]}, wells)


def test_feature_columns_are_taken_in_numeric_order(tmp_path, wells, values):
    path = tmp_path / "mine.parquet"
    frame = frame_of(wells["well_id"], values)
    frame[sorted(frame.columns)].to_parquet(path, index=False)
    got, _ = read_embeddings(path, {}, wells)
    pd.testing.assert_frame_equal(got, frame.sort_values("well_id", ignore_index=True))


def test_digest(tmp_path, wells, values):
    write_parquet(tmp_path / "mine.parquet", wells["well_id"], values)
    with pytest.raises(InputError, match=r"its sha256 is .* not the abc"):
        read_embeddings(tmp_path / "mine.parquet", {"sha256": "abc"}, wells)


def test_load_features_refuses_unknown_wells(tmp_path, wells, values):
    write_parquet(tmp_path / "mine.parquet", wells["well_id"], values)
    with pytest.raises(InputError, match="is not in the wells table"):
        load_features(tmp_path / "mine.parquet", wells[1:])
