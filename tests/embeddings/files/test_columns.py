"""A column that is not a feature never becomes one."""

import numpy as np
import pandas as pd
import pytest

from cwamsn.embeddings import read_embeddings
from cwamsn.embeddings.files import columns
from cwamsn.errors import InputError
from tests.embeddings.files.samples import GENES, IDS, NAMES, D, N, read, read_genes, table, write

FEATURES = [
    "Cells_AreaShape_Area",
    "Nuclei_Neighbors_NumberOfNeighbors_Adjacent",
    "Nuclei_Location_Center_X",
    "Cells_Children_Cytoplasm_Count",
    "Image_Granularity_1_DNA",
    "Cells_ObjectSkeleton_NumberTrunks_Mito",
    "0",
    "PC_1",
    "emb_0",
    "z12",
    "n_0",
    "cells_7",
    "row_3",
    "Nuclei_Neighbors_FirstClosestObjectNumber_Adjacent",
    "Cytoplasm_RadialDistribution_FracAtD_DNA_1of4",
    "Image_ImageQuality_PowerLogLogSlope_ER",
]
NO_FEATURES = [
    "",
    "Unnamed: 0",
    "Unnamed: 0.1",
    "__index_level_0__",
    "index",
    "level_0",
    "Metadata_Count_Cells",
    "Image_Metadata_Well",
    "MetadataPlate",
    "Image_Count_Nuclei",
    "Count_Cells",
    "n_cells",
    "cell_count",
    "ObjectNumber",
    "ImageNumber",
    "TableNumber",
    "Cells_Number_Object_Number",
    "Nuclei_Parent_Cells",
    "Plate",
    "Assay_Plate_Barcode",
    "row",
    "Column",
    "site",
    "label",
    "batch",
    "total_counts",
    "n_genes_by_counts",
    "leiden",
    "is_control",
    "Cell Count",
    "Concentration (µM)",
    "conc_uM",
    "log10_dose",
    "pert_idose",
    "Time (h)",
    "seed",
    "IC50",
    "p-value",
    "Image_ExecutionTime_01LoadData",
    "Well Number",
    "compound_idx",
]


def test_names_tell_features_from_indices_metadata_labels_and_counts():
    assert [n for n in FEATURES if not columns.is_feature_name(n)] == []
    assert [n for n in NO_FEATURES if columns.is_feature_name(n)] == []


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
@pytest.mark.parametrize("kind", ["wells", "map"])
@pytest.mark.parametrize("name", ["Unnamed: 0", "Metadata_Site_Count", "Image_Metadata_Plate", "n_cells"])
def test_what_is_no_feature_is_left_out_and_named(tmp_path, suffix, kind, name):
    frame = table(**{name: np.arange(N) * 2.5})
    frame = frame if kind == "wells" else frame.assign(gene=GENES).drop(columns="well_id")
    found, said = (read if kind == "wells" else read_genes)(write(frame, tmp_path / f"mine.{suffix}"))
    assert found == D and repr(name) in said


def test_an_index_without_a_name_or_with_any_is_no_feature(tmp_path):
    table().to_csv(tmp_path / "mine.csv")
    assert read(tmp_path / "mine.csv") == (
        D,
        "mine.csv: columns not taken as features (1): one without a name; feature_columns overrides this",
    )
    table().set_index(pd.Index(np.random.default_rng(1).permutation(N), name="key")).to_parquet(tmp_path / "m.parquet")
    assert read(tmp_path / "m.parquet")[0] == D
    found, said = read(write(table(serial=np.arange(N)), tmp_path / "n.csv"))
    assert found == D and "'serial'" in said


def test_whole_numbers_beside_real_ones_are_taken_and_said(tmp_path):
    found, said = read(write(table(flag=np.arange(N) % 2), tmp_path / "mine.parquet"))
    assert found == D + 1 and "'flag' of 5 features hold only whole numbers" in said


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
@pytest.mark.parametrize("name", ["f{}", "{}", "PC{}", "Cells_Texture_Contrast_DNA_{}_00", "ER_feature_{}"])
def test_a_stranger_among_columns_named_alike_is_left_out_and_named(tmp_path, suffix, name):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({name.format(i): rng.standard_normal(N) for i in range(20)} | {"score": rng.random(N)})
    frame[name.format(7)] = rng.integers(0, 3, N)  # whole numbers, but named like the others
    frame.insert(0, "well_id", IDS)
    found, said = read(write(frame, tmp_path / f"mine.{suffix}"))
    assert found == 20 and said == (
        f"mine.{suffix}: columns not taken as features (1): 'score'; feature_columns overrides this"
    )


def test_columns_of_several_kinds_of_names_are_all_taken(tmp_path):
    rng = np.random.default_rng(0)
    names = [f"haralick_{i}" for i in range(13)] + [f"zernike_{i}" for i in range(12)] + ["area", "perimeter"]
    frame = pd.DataFrame(rng.standard_normal((N, len(names))), columns=names)
    frame.insert(0, "well_id", IDS)
    assert read(write(frame, tmp_path / "mine.csv")) == (len(names), "")
    names = [
        f"{part}_AreaShape_{m}" for part in ("Cells", "Nucleoli") for m in ["Area", "Extent", "Solidity", "Radius"]
    ]
    assert columns.named_alike([*names, "score"]) == names


def test_csv_and_parquet_are_treated_alike(tmp_path):
    frame = table().assign(Cells_F0=lambda f: f.Cells_F0 > 0, Cells_F1=lambda f: f.Cells_F1.astype(str))
    found = {suffix: read(write(frame, tmp_path / f"mine.{suffix}")) for suffix in ("csv", "parquet")}
    assert {n for n, _ in found.values()} == {D - 1}
    assert all("(1): 'Cells_F0'" in said for _, said in found.values())
    for suffix in ("csv", "parquet"):
        for empty in ([None] * N, [np.nan] * N):
            with pytest.raises(InputError, match=r"column 'Cells_F2' holds no (value at all|finite number)"):
                read(write(table(Cells_F2=empty), tmp_path / f"mine.{suffix}"))


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_text_among_numbers_is_refused_with_column_and_row(tmp_path, suffix):
    frame = table().astype(dict.fromkeys(NAMES, str))
    frame.loc[3, "Cells_F2"] = "high"
    with pytest.raises(InputError, match="column 'Cells_F2', row 3 holds 'high', not a number"):
        read(write(frame, tmp_path / f"mine.{suffix}"))
    with pytest.raises(InputError, match="column 'Cells_F2', row 3 holds 'high', not a number"):
        read_genes(write(frame.assign(gene=GENES).drop(columns="well_id"), tmp_path / f"map.{suffix}"))
    frame["Cells_F2"] = "1,5"
    with pytest.raises(InputError, match="row 0 holds '1,5', not a number; write a point for the comma"):
        read(write(frame, tmp_path / f"mine.{suffix}"))
    with pytest.raises(InputError, match="'Cells_F2' holds no finite number"):
        read(write(frame.assign(Cells_F2="inf"), tmp_path / f"mine.{suffix}"))


def test_text_late_in_a_long_csv_file_is_found(tmp_path):
    ids = [f"e-000_1_{i}" for i in range(60000)]
    text = "".join(f"{i},{k * 0.5},{k % 7}.25\n" for k, i in enumerate(ids[:-1])) + f"{ids[-1]},high,1.0\n"
    (tmp_path / "mine.csv").write_text("well_id,f0,f1\n" + text)
    with pytest.raises(InputError, match="column 'f0', row 59999 holds 'high'"):
        read_embeddings(tmp_path / "mine.csv", {}, pd.DataFrame({"well_id": ids}))


def test_a_column_name_that_appears_twice_is_refused(tmp_path):
    (tmp_path / "mine.csv").write_text("well_id,f0,f1,f0\n" + "".join(f"{i},1.5,{k},2.5\n" for k, i in enumerate(IDS)))
    with pytest.raises(InputError, match="column 'f0' appears twice"):
        read(tmp_path / "mine.csv")
    (tmp_path / "map.csv").write_text("gene,f0,f1,f0\n" + "".join(f"{g},1.5,{k},2.5\n" for k, g in enumerate(GENES)))
    with pytest.raises(InputError, match="column 'f0' appears twice"):
        read_genes(tmp_path / "map.csv")


def test_a_list_of_the_users_wins_and_is_commented_on(tmp_path):
    path = write(table(Metadata_Count=np.linspace(0, 1, N), on=np.arange(N) % 3 > 0), tmp_path / "mine.parquet")
    found, said = read(path, feature_columns=["Cells_F0", "Metadata_Count", "on"])
    assert found == 3 and "feature_columns names 'Metadata_Count', by name not features" in said
