"""What other tools of the field make of the files, and what comes back from them."""

import anndata
import numpy as np
import pandas as pd
import pytest

from cwamsn.profiles import Profiles, pool_profiles, read_profiles, write_anndata, write_parquet
from tests.profiles.samples import profiles


@pytest.fixture(scope="module")
def pycytominer():
    return pytest.importorskip("pycytominer", reason="pycytominer is not installed; make env installs it")


@pytest.fixture
def parquet(tmp_path):
    write_parquet(profiles(), tmp_path / "wells.parquet", "none")
    return tmp_path / "wells.parquet"


@pytest.fixture
def h5ad(tmp_path):
    write_anndata(profiles(), tmp_path / "profiles.h5ad")
    return tmp_path / "profiles.h5ad"


def features_of(frame):
    return [name for name in frame if not name.startswith("Metadata_")]


def by_plate_and_well(found: Profiles):
    order = np.argsort((found.obs["Metadata_Plate"] + found.obs["Metadata_Well"]).to_numpy(str))
    return found.obs.iloc[order].sort_index(axis=1), found.features[order]


def standardized(found: Profiles):
    controls = found.features[(found.obs["Metadata_Control"] == "negative").to_numpy()].astype(float)
    return (found.features - controls.mean(axis=0)) / controls.std(axis=0)


@pytest.mark.parametrize("output_type", ["parquet", "csv", "anndata_h5ad"])
def test_pycytominer_normalizes_a_file_and_its_result_reads_back(pycytominer, parquet, tmp_path, output_type):
    frame, expected = pd.read_parquet(parquet), read_profiles(parquet)
    path = tmp_path / {"parquet": "n.parquet", "csv": "n.csv.gz", "anndata_h5ad": "n.h5ad"}[output_type]
    pycytominer.normalize(
        str(parquet),
        features=features_of(frame),
        samples="Metadata_Control == 'negative'",
        method="standardize",
        output_file=str(path),
        output_type=output_type,
    )
    found = read_profiles(path)
    assert (found.level, found.names) == ("well", expected.names)
    obs, values = by_plate_and_well(found)
    wanted, _ = by_plate_and_well(expected)
    pd.testing.assert_frame_equal(obs, wanted, check_dtype=output_type == "parquet")
    np.testing.assert_allclose(values, standardized(expected)[np.argsort(expected.obs.index)], rtol=1e-4, atol=1e-5)


def test_pycytominer_opens_the_anndata_file(pycytominer, h5ad):
    expected = profiles()
    found = pycytominer.normalize(
        str(h5ad), features=expected.names, samples="Metadata_Control == 'negative'", method="standardize"
    )
    np.testing.assert_allclose(found[expected.names], standardized(expected), rtol=1e-4, atol=1e-5)
    assert found["Metadata_Well"].tolist() == expected.obs["Metadata_Well"].tolist()


def test_pycytominer_selects_features_and_they_read_back(pycytominer, parquet, tmp_path):
    frame = pd.read_parquet(parquet).assign(feature_3=1.0)
    kept = pycytominer.feature_select(frame, features=features_of(frame), operation=["variance_threshold"])
    kept.to_parquet(tmp_path / "kept.parquet")
    found = read_profiles(tmp_path / "kept.parquet")
    assert found.names == [f"feature_{i}" for i in range(8) if i != 3]
    np.testing.assert_array_equal(found.features, np.delete(profiles().features, 3, axis=1))


def test_pycytominer_pools_as_pooling_does(pycytominer, parquet, tmp_path):
    frame = pd.read_parquet(parquet)
    strata = ["Metadata_Perturbation", "Metadata_Concentration"]
    treated = frame[frame["Metadata_Control"].isna()]
    means = pycytominer.aggregate(treated, strata=strata, features=features_of(frame), operation="mean")
    means.to_csv(tmp_path / "means.csv.gz", index=False)
    found, expected = read_profiles(tmp_path / "means.csv.gz"), pool_profiles(profiles())
    assert found.level == "perturbation"
    assert found.obs.index.tolist() == expected.obs.index.tolist()
    np.testing.assert_allclose(found.features, expected.features, rtol=1e-5, atol=1e-6)


def test_copairs_scores_the_anndata_file(h5ad):
    from copairs import map as copairs_map

    data = anndata.read_h5ad(h5ad)
    treated = data[data.obs["Metadata_Control"].isna().to_numpy()]
    found = copairs_map.average_precision(
        treated.obs.reset_index(drop=True),
        np.asarray(treated.obsm["center-scale"]),
        pos_sameby=["Metadata_Perturbation"],
        pos_diffby=["Metadata_Plate"],
        neg_sameby=["Metadata_Plate"],
        neg_diffby=["Metadata_Perturbation"],
        progress_bar=False,
    )
    scores = copairs_map.mean_average_precision(
        found, ["Metadata_Perturbation"], null_size=100, threshold=0.05, seed=0, progress_bar=False
    )
    assert len(scores) == treated.obs["Metadata_Perturbation"].nunique()
    assert scores["mean_average_precision"].mean() > 0.5  # of 8 compounds that differ


def test_scanpy_reads_the_anndata_file(h5ad):
    scanpy = pytest.importorskip("scanpy", reason="scanpy comes with efaar-benchmarking, extra annotations")
    data, expected = scanpy.read_h5ad(h5ad), profiles()
    assert set(data.obsm) == set(expected.aligned)
    assert data.uns["encoder"]["sha256"] == "0" * 64
    assert data.uns["screen"]["simulated"]
    scanpy.pp.pca(data, n_comps=4)
    # the graph of method umap is compiled for 15 s
    scanpy.pp.neighbors(data, n_neighbors=5, use_rep="center-scale", method="gauss")
    degrees = np.asarray((data.obsp["distances"] > 0).sum(axis=1)).ravel()
    assert data.obsm["X_pca"].shape == (len(expected), 4)
    assert (degrees == 4).all()


def test_rows_are_named_by_number_since_pycytominer_takes_no_other_names(h5ad):
    assert anndata.read_h5ad(h5ad).obs_names.tolist() == [str(i) for i in range(len(profiles()))]
    assert read_profiles(h5ad).obs.index.tolist() == profiles().obs.index.tolist()
