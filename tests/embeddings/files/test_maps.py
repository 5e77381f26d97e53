"""Finished maps from a file."""

import anndata
import numpy as np
import pandas as pd
import pytest

from cwamsn import tables
from cwamsn.embeddings import read_map
from cwamsn.errors import InputError
from cwamsn.profiles import pool_profiles, write_profiles
from cwamsn.profiles.write import flat, to_anndata
from cwamsn.tables import feature_columns
from tests.embeddings.files.samples import GENES, D, N, read_genes, table, values, write
from tests.profiles.samples import profiles


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
    assert counts == {"rows": len(values), "features": values.shape[1]}
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


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("n_wells", 4.5, "n_wells '4.5'; a whole number"),
        ("n_wells", -1, "n_wells '-1'; a whole number"),
        ("concentration", -1.0, "concentration '-1.*a number in µM"),
        ("perturbation_type", "gene", "row 0 has perturbation_type 'GENE'; it is CRISPR or COMPOUND"),
    ],
)
def test_values_of_a_maps_keys_that_cannot_be_are_refused(tmp_path, key, value, message):
    frame = table(gene=GENES, **{key: value}).drop(columns="well_id")
    for suffix in ("csv", "parquet"):
        with pytest.raises(InputError, match=message):
            read_genes(write(frame, tmp_path / f"mine.{suffix}"))


def test_a_maps_type_is_read_in_any_case_and_a_repeated_gene_is_named_plainly(tmp_path):
    path = write(table(gene=GENES, perturbation_type="crispr").drop(columns="well_id"), tmp_path / "mine.csv")
    found, _ = read_map(path, {"perturbation_column": "gene"})
    assert set(found.perturbation_type) == {"CRISPR"}
    path = write(table(gene=[GENES[0], GENES[0], *GENES[2:]]).drop(columns="well_id"), tmp_path / "twice.csv")
    with pytest.raises(InputError, match="perturbation 'G00' stands 2 times; keep one row of each"):
        read_genes(path)


def test_keys_of_a_map_are_one_line_when_wrong(tmp_path):
    frame = table().assign(gene=GENES).drop(columns="well_id")
    with pytest.raises(InputError, match="row 0 has concentration '10 uM'; a number in µM is needed"):
        read_genes(write(frame.assign(concentration="10 uM"), tmp_path / "map.csv"))
    with pytest.raises(InputError, match="row 0 has n_wells 'many'; a whole number is needed"):
        read_genes(write(frame.assign(n_wells="many"), tmp_path / "map.parquet"))
    with pytest.raises(InputError, match=r"row 0 has n_wells '1.5'; a whole number is needed"):
        read_genes(write(frame.assign(n_wells=1.5), tmp_path / "map.csv"))
    with pytest.raises(InputError, match="row 0 has concentration 'inf'"):
        read_genes(write(frame.assign(concentration=np.inf), tmp_path / "map.parquet"))
    with pytest.raises(InputError, match="row 0 has perturbation_type 'ORF'; it is CRISPR or COMPOUND"):
        read_genes(write(frame.assign(perturbation_type="orf"), tmp_path / "map.csv"))
    lower = write(frame.assign(perturbation_type="crispr"), tmp_path / "map.csv")
    assert set(read_map(lower, {"perturbation_column": "gene"})[0]["perturbation_type"]) == {"CRISPR"}
    with pytest.raises(InputError, match="gene holds numbers"):
        read_genes(write(frame.assign(gene=np.arange(N) + 0.5), tmp_path / "map.parquet"))
    with pytest.raises(InputError, match="row 2 has no perturbation"):
        read_genes(write(frame.assign(gene=[*GENES[:2], "", *GENES[3:]]), tmp_path / "map.csv"))
    names = ["NA", "nan", "007", *GENES[3:]]
    found, _ = read_map(write(frame.assign(gene=names), tmp_path / "map.csv"), {"perturbation_column": "gene"})
    assert set(found["perturbation"]) == set(names)


def test_counts_in_obs_are_no_features(tmp_path):
    obs = pd.DataFrame({"gene": GENES, "n_counts": np.arange(N) * 1e4, "quality": np.arange(N) * 7.5}, index=GENES)
    anndata.AnnData(values(), obs=obs).write_h5ad(tmp_path / "map.h5ad")
    found, said = read_genes(tmp_path / "map.h5ad")
    assert found == D and "'n_counts', 'quality'" in said


@pytest.mark.parametrize("name", ["p.parquet", "p.csv.gz", "p.h5ad", "p.feather", "folder", "p.zarr"])
def test_profiles_of_perturbations_are_a_map(tmp_path, name):
    found, path = pool_profiles(profiles()), tmp_path / name
    if name in ("p.feather", "folder"):
        frame, _ = flat(found, "none")
        path.mkdir() if name == "folder" else None
        frame.to_feather(path) if name == "p.feather" else frame.to_parquet(path / "part.parquet")
    elif name == "p.zarr":
        to_anndata(found).write_zarr(path)
    else:
        write_profiles(found, path, "none")
    frame, counts = read_map(path, {})
    assert counts == {"rows": len(found), "features": found.features.shape[1]}
    assert frame["perturbation"].tolist() == found.obs["Metadata_Perturbation"].tolist()
    assert frame["perturbation_type"].unique().tolist() == ["COMPOUND"]
    assert frame["concentration"].tolist() == found.obs["Metadata_Concentration"].tolist()
    assert frame["n_wells"].tolist() == found.obs["Metadata_WellCount"].tolist()
    np.testing.assert_allclose(frame[feature_columns(frame.columns)], found.features, rtol=1e-6)


def test_perturbations_without_a_value_are_left_out_where_wanted(tmp_path):
    frame = table().assign(gene=GENES, Cells_F1=[np.nan, *range(1, N)])
    path = write(frame.drop(columns="well_id"), tmp_path / "mine.csv")
    with pytest.raises(InputError, match="NaN or infinite feature in row 0"):
        read_map(path, {"perturbation_column": "gene"})
    found, counts = read_map(path, {"perturbation_column": "gene", "on_missing": "drop"})
    assert counts["rows"] == N - 1
    assert GENES[0] not in set(found["perturbation"])
