"""Every format that a user may provide, and every way in which such a file can be damaged."""

import h5py
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cwamsn import tables
from cwamsn.embeddings import load_features, read_embeddings
from cwamsn.errors import InputError
from cwamsn.files import sha256
from cwamsn.tables import feature_columns
from tests.embeddings.files.writers import MORE, WRITERS, N, frame_of, write_csv, write_npy, write_zarr


@pytest.mark.parametrize("suffix", [*WRITERS, *MORE])
def test_round_trip(tmp_path, wells, values, suffix):
    path = tmp_path / f"mine.{suffix}"
    (WRITERS | MORE)[suffix](path, wells["well_id"].tolist(), values)
    frame, counts = read_embeddings(path, {}, wells)
    expected = frame_of(wells["well_id"], values).sort_values("well_id", ignore_index=True)
    pd.testing.assert_frame_equal(frame, expected, check_exact=suffix not in ("csv", "csv.gz", "tsv"), rtol=1e-6)
    assert counts == {"wells": N, "rows": N, "matched": N, "missing": 0, "surplus": 0, "repeated": 0}
    tables.write(frame, "embeddings", tmp_path / "out.parquet")
    features, matched = load_features(tmp_path / "out.parquet", wells)
    assert matched["well_id"].tolist() == expected["well_id"].tolist()
    np.testing.assert_array_equal(features, frame[feature_columns(frame)].to_numpy())


@pytest.mark.parametrize("suffix", WRITERS)
def test_cut_file_is_one_clear_line(tmp_path, wells, values, suffix):
    path = tmp_path / f"mine.{suffix}"
    WRITERS[suffix](path, wells["well_id"].tolist(), values)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 2 // 3 if suffix != "csv" else whole.rindex(b",", 0, len(whole) * 2 // 3)])
    with pytest.raises(InputError) as error:
        read_embeddings(path, {}, wells)
    assert str(error.value).startswith(f"{path}: not readable as {suffix}") and "\n" not in str(error.value)


@pytest.mark.parametrize("suffix", ["parquet", "h5", "npz", "csv"])
def test_what_is_no_such_file_at_all(tmp_path, wells, suffix):
    path = tmp_path / f"mine.{suffix}"
    with pytest.raises(InputError, match="no such file"):
        read_embeddings(path, {}, wells)
    path.write_bytes(b"\x00\x01 no such thing")
    with pytest.raises(InputError, match=r"mine\."):
        read_embeddings(path, {}, wells)


def test_format_by_key_and_unknown_suffix(tmp_path, wells, values):
    path = tmp_path / "mine.data"
    write_csv(path, wells["well_id"], values)
    with pytest.raises(InputError, match="set format to parquet, csv, feather, npz, npy, h5, h5ad or zarr"):
        read_embeddings(path, {}, wells)
    assert read_embeddings(path, {"format": "csv"}, wells)[1]["matched"] == N


def test_nothing_is_unpickled(tmp_path, wells, values):
    path = tmp_path / "mine.npz"
    np.savez(path, well_id=np.array(wells["well_id"], dtype=object), embeddings=values)
    with pytest.raises(InputError, match="array 'well_id' holds Python objects, which are never read"):
        read_embeddings(path, {}, wells)


def test_channels_lie_side_by_side(tmp_path, wells):
    values = np.random.default_rng(0).standard_normal((N, 5, 7)).astype(np.float32)
    with h5py.File(tmp_path / "mine.h5", "w") as file:
        file["embeddings"], file["names"] = values, wells["well_id"].tolist()
    frame, _ = read_embeddings(tmp_path / "mine.h5", {}, wells)
    row = frame.set_index("well_id").loc[wells["well_id"][4]]
    np.testing.assert_array_equal(row.to_numpy(), values[4].ravel())


def test_ids_must_be_one_a_row(tmp_path, wells, values):
    np.savez(tmp_path / "mine.npz", well_id=wells["well_id"].to_numpy(str)[1:], embeddings=values)
    with pytest.raises(InputError, match=r"59 ids for vectors of shape \(60, 19\)"):
        read_embeddings(tmp_path / "mine.npz", {}, wells)
    np.savez(tmp_path / "mine.npz", well_id=wells["well_id"].to_numpy(str), vectors=values)
    with pytest.raises(InputError, match="no embeddings or features among well_id, vectors"):
        read_embeddings(tmp_path / "mine.npz", {}, wells)
    assert read_embeddings(tmp_path / "mine.npz", {"feature_columns": "vectors"}, wells)[1]["matched"] == N


def test_parquet_with_dictionary_encoded_ids(tmp_path, wells, values):
    table = pa.Table.from_pandas(frame_of(wells["well_id"], values), preserve_index=False)
    table = table.set_column(0, "well_id", table.column(0).dictionary_encode())
    pq.write_table(table, tmp_path / "mine.parquet")
    assert read_embeddings(tmp_path / "mine.parquet", {}, wells)[1]["matched"] == N


def test_an_array_has_its_ids_in_a_table(tmp_path, wells, values):
    path = tmp_path / "mine.npy"
    write_npy(path, wells["well_id"], values)
    (tmp_path / "mine.csv").rename(tmp_path / "wells.csv")
    with pytest.raises(InputError, match=r"has no table beside it with the ids of its rows \(mine.csv, .*; set table"):
        read_embeddings(path, {}, wells)
    assert read_embeddings(path, {"table": str(tmp_path / "wells.csv")}, wells)[1]["matched"] == N
    with pytest.raises(InputError, match=r"none\.csv: no such file; correct table"):
        read_embeddings(path, {"table": "none.csv"}, wells)
    wells[1:].to_csv(tmp_path / "mine.csv", index=False)
    with pytest.raises(InputError, match=r"59 ids for vectors of shape \(60, 19\)"):
        read_embeddings(path, {}, wells)


def test_a_folder_that_holds_no_table_is_refused(tmp_path, wells, values):
    (tmp_path / "mine").mkdir()
    with pytest.raises(InputError, match=r"holds no \.parquet file"):
        read_embeddings(tmp_path / "mine", {}, wells)
    with pytest.raises(InputError, match="is a folder, which csv is not"):
        read_embeddings(tmp_path / "mine", {"format": "csv"}, wells)
    (tmp_path / "mine.zarr").write_bytes(b"x")
    with pytest.raises(InputError, match="is a file, Zarr is a folder"):
        read_embeddings(tmp_path / "mine.zarr", {}, wells)
    write_zarr(tmp_path / "cut.zarr", wells["well_id"], values)
    (tmp_path / "cut.zarr" / "well_id" / "zarr.json").unlink()
    with pytest.raises(InputError, match="no well_id or names among embeddings"):
        read_embeddings(tmp_path / "cut.zarr", {}, wells)


def test_files_of_a_folder_that_disagree_are_not_filled_in_silently(tmp_path, wells, values):
    folder = tmp_path / "parts"
    MORE["parts.parquet"](folder, wells["well_id"], values)
    part = pd.read_parquet(folder / "part-1.parquet")
    part.drop(columns="feature_3").to_parquet(folder / "part-1.parquet", index=False)
    with pytest.raises(InputError, match=r"NaN or infinite feature in row 20 .*'feature_3'"):
        read_embeddings(folder, {}, wells)
    part.assign(feature_99=1.0).to_parquet(folder / "part-1.parquet", index=False)
    with pytest.raises(InputError, match=r"NaN or infinite feature in row 0 .*'feature_99'"):
        read_embeddings(folder, {}, wells)


def test_a_folder_has_one_digest(tmp_path, wells, values):
    folder = tmp_path / "parts"
    MORE["parts.parquet"](folder, wells["well_id"], values)
    assert read_embeddings(folder, {"sha256": sha256(folder)}, wells)[1]["matched"] == N
    before = sha256(folder)
    (folder / "part-1.parquet").rename(folder / "part-7.parquet")
    assert sha256(folder) != before
