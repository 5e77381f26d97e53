"""Files of arrays: which array is taken, and which is refused."""

import anndata
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cwamsn.embeddings import read_embeddings
from cwamsn.errors import InputError
from cwamsn.tables import feature_columns
from tests.embeddings.files.samples import IDS, WELLS, D, N, read, values


def test_arrays_that_are_none_are_one_line(tmp_path):
    path = tmp_path / "mine.npz"
    np.savez(path, well_id=np.array(IDS, dtype=object), embeddings=values())
    with pytest.raises(InputError, match="array 'well_id' holds Python objects"):
        read(path)
    for ids, array in ((IDS, values()[:, :0]), ("one", np.array(1.0)), (IDS, values().T)):
        np.savez(path, well_id=np.array(ids), embeddings=array)
        with pytest.raises(InputError, match="one id per row is needed"):
            read(path)


def test_raw_counts_in_x_are_said(tmp_path):
    obs = pd.DataFrame(index=IDS)
    counts = np.random.default_rng(0).poisson(3, (N, 9)).astype(np.float32)
    anndata.AnnData(counts, obs=obs, obsm={"X_pca": values()}).write_h5ad(tmp_path / "mine.h5ad")
    assert "X holds only whole numbers, as raw counts do" in read(tmp_path / "mine.h5ad")[1]
    assert read(tmp_path / "mine.h5ad", array="X_pca") == (D, "")


def test_vectors_of_obsm_and_layers_are_named_by_a_key_and_empty_x_is_refused(tmp_path):
    x, path = values(), tmp_path / "mine.h5ad"
    whole = dict(obs=pd.DataFrame(index=IDS), obsm={"X_cwa": x}, layers={"scaled": 2 * x})
    anndata.AnnData(np.zeros_like(x), **whole).write_h5ad(path)
    with pytest.raises(InputError, match="X holds only zeros; set array: X_cwa or scaled"):
        read(path)
    with pytest.raises(InputError, match="no 'X_pca' in obsm or layers"):
        read(path, array="X_pca")
    for name, factor in (("X_cwa", 1), ("obsm/X_cwa", 1), ("layers/scaled", 2)):
        frame, _ = read_embeddings(path, {"array": name}, WELLS)
        np.testing.assert_array_equal(frame[feature_columns(frame)], factor * x)


def test_numbers_that_are_not_real_are_refused(tmp_path):
    np.savez(tmp_path / "mine.npz", well_id=np.array(IDS), embeddings=values() + 1j)
    with pytest.raises(InputError, match="of type complex"):
        read(tmp_path / "mine.npz")
    lists = pa.table({"well_id": IDS, "embedding": list(map(list, values()))})
    pq.write_table(lists, tmp_path / "mine.parquet")
    with pytest.raises(InputError, match="no column that holds numbers"):
        read(tmp_path / "mine.parquet")
