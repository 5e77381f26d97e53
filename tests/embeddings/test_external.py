"""Every format that a user may hand in, and every way in which such a file can be wrong."""

import h5py
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cwamsn import tables
from cwamsn.embeddings import load_features, random_embeddings, read_embeddings, read_map
from cwamsn.errors import InputError
from cwamsn.tables import feature_columns

N, D = 60, 19


@pytest.fixture
def wells():
    ids = [f"compound-001_{i % 3 + 1}_{chr(65 + i // 24)}{i % 24 + 1:02d}" for i in range(N)]
    return pd.DataFrame({"well_id": np.random.default_rng(1).permutation(ids)})


@pytest.fixture
def values():
    return np.random.default_rng(0).standard_normal((N, D)).astype(np.float32)


def frame_of(ids, values):
    frame = pd.DataFrame(values, columns=[f"feature_{i}" for i in range(values.shape[1])])
    frame.insert(0, "well_id", np.asarray(ids, dtype=object))
    return frame


def write_parquet(path, ids, values):
    frame_of(ids, values).to_parquet(path, index=False, row_group_size=17)


def write_csv(path, ids, values):
    frame_of(ids, values).to_csv(path, index=False)


def write_npz(path, ids, values):
    np.savez(path, well_id=np.array(ids, dtype=str), embeddings=values)


def write_h5(path, ids, values):
    """As CellCLIP writes it: channels apart, `Plate` before the plate's number."""
    names = [i.replace("compound-001_", "compound-001_Plate").encode() for i in ids]
    with h5py.File(path, "w") as file:
        file["embeddings"] = values[:, None, :]
        file.create_dataset("names", data=names, dtype=h5py.string_dtype())


def write_h5ad(path, ids, values):
    import anndata

    anndata.AnnData(values, obs=pd.DataFrame(index=pd.Index(ids, dtype=object))).write_h5ad(path)


WRITERS = {"parquet": write_parquet, "csv": write_csv, "npz": write_npz, "h5": write_h5, "h5ad": write_h5ad}


@pytest.mark.parametrize("suffix", WRITERS)
def test_round_trip(tmp_path, wells, values, suffix):
    path = tmp_path / f"mine.{suffix}"
    WRITERS[suffix](path, wells["well_id"].tolist(), values)
    frame, counts = read_embeddings(path, {}, wells)
    expected = frame_of(wells["well_id"], values).sort_values("well_id", ignore_index=True)
    pd.testing.assert_frame_equal(frame, expected, check_exact=suffix != "csv", rtol=1e-6)
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
    with pytest.raises(InputError, match="set format to parquet, csv"):
        read_embeddings(path, {}, wells)
    assert read_embeddings(path, {"format": "csv"}, wells)[1]["matched"] == N


def test_nothing_is_unpickled(tmp_path, wells, values):
    path = tmp_path / "mine.npz"
    np.savez(path, well_id=np.array(wells["well_id"], dtype=object), embeddings=values)
    with pytest.raises(InputError, match="array 'well_id' holds Python objects, which are never read"):
        read_embeddings(path, {}, wells)


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


def test_digest(tmp_path, wells, values):
    write_parquet(tmp_path / "mine.parquet", wells["well_id"], values)
    with pytest.raises(InputError, match=r"its sha256 is .* not the abc"):
        read_embeddings(tmp_path / "mine.parquet", {"sha256": "abc"}, wells)


def test_load_features_refuses_unknown_wells(tmp_path, wells, values):
    write_parquet(tmp_path / "mine.parquet", wells["well_id"], values)
    with pytest.raises(InputError, match="is not in the wells table"):
        load_features(tmp_path / "mine.parquet", wells[1:])


def test_random_row_depends_on_seed_not_on_order(wells):
    a = random_embeddings(wells, 384, 3)
    pd.testing.assert_frame_equal(a, random_embeddings(wells[::-1], 384, 3))
    values = a[feature_columns(a)].to_numpy()
    assert abs(values.mean()) < 0.03 and abs(values.std() - 1) < 0.03
    other = random_embeddings(wells, 384, 4)[feature_columns(a)].to_numpy()
    assert abs(np.corrcoef(values.ravel(), other.ravel())[0, 1]) < 0.03


def gene_map(values):
    frame = pd.DataFrame(values, columns=list(map(str, range(values.shape[1]))))
    frame.insert(0, "gene", [f"G{i:02d}" for i in reversed(range(len(values)))])
    return frame


@pytest.mark.parametrize("suffix", ["csv", "parquet", "npz", "h5ad"])
def test_map(tmp_path, values, suffix):
    path, frame = tmp_path / f"map.{suffix}", gene_map(values)
    if suffix == "csv":
        frame.to_csv(path, index=False)
    elif suffix == "parquet":
        frame.to_parquet(path)
    elif suffix == "npz":
        np.savez(path, gene=frame["gene"].to_numpy(str), embeddings=values)
    else:
        import anndata

        anndata.AnnData(values, obs=frame[["gene"]].set_index(frame["gene"].rename("i"))).write_h5ad(path)
    got, counts = read_map(path, {"perturbation_column": "gene"})
    assert counts == {"rows": N, "features": D}
    assert got["perturbation"].tolist() == sorted(frame["gene"]) and set(got["perturbation_type"]) == {"CRISPR"}
    np.testing.assert_allclose(got[feature_columns(got)].to_numpy(), values[::-1], rtol=1e-6)
    tables.write(got, "map", tmp_path / "out.parquet")


def test_map_with_doses_keeps_its_own_keys(tmp_path):
    frame = pd.DataFrame(
        {"perturbation": ["a", "a", "B"], "perturbation_type": ["COMPOUND", "COMPOUND", "CRISPR"]}
        | {"concentration": [10.0, 0.25, None], "n_wells": [4, 5, 108]}
        | {"feature_0": [1.0, 2.0, 3.0], "feature_1": [1.0, 0.0, 0.0]}
    )
    frame.to_csv(tmp_path / "map.csv", index=False)
    got, _ = read_map(tmp_path / "map.csv", {})
    assert got["n_wells"].tolist() == [5, 4, 108] and got["feature_0"].tolist() == [2.0, 1.0, 3.0]


def test_map_bad_input(tmp_path, values):
    path = tmp_path / "map.csv"
    gene_map(values).to_csv(path, index=False)
    with pytest.raises(InputError, match=r"no column 'perturbation' among gene.*set perturbation_column"):
        read_map(path, {})
    twice = gene_map(values).assign(gene="TP53")
    twice.to_csv(path, index=False)
    with pytest.raises(InputError, match=r"perturbation 'TP53'.* stands 60 times"):
        read_map(path, {"perturbation_column": "gene"})
    hole = gene_map(values)
    hole.loc[4, "3"] = np.nan
    hole.to_csv(path, index=False)
    with pytest.raises(InputError, match="NaN or infinite feature"):
        read_map(path, {"perturbation_column": "gene"})
    (tmp_path / "map.parquet").write_bytes(b"PAR1 cut")
    with pytest.raises(InputError, match="not readable as parquet"):
        read_map(tmp_path / "map.parquet", {})


def test_real_gene_profiles(shared):
    path = shared / "profiles" / "PERISCOPE_HeLa_HPLM_hits_PCA56.csv"
    got, counts = read_map(path, {"perturbation_column": "Metadata_Foci_Barcode_MatchedTo_GeneCode"})
    assert counts == {"rows": 3454, "features": 56}
    assert got["perturbation"].is_monotonic_increasing and got["concentration"].isna().all()


def test_parquet_with_dictionary_encoded_ids(tmp_path, wells, values):
    table = pa.Table.from_pandas(frame_of(wells["well_id"], values), preserve_index=False)
    table = table.set_column(0, "well_id", table.column(0).dictionary_encode())
    pq.write_table(table, tmp_path / "mine.parquet")
    assert read_embeddings(tmp_path / "mine.parquet", {}, wells)[1]["matched"] == N
