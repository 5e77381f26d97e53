"""A column that is no feature never becomes one, and vectors that tell nothing apart are refused."""

import anndata
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cwamsn.embeddings import load_features, read_embeddings, read_map
from cwamsn.embeddings.files import columns
from cwamsn.embeddings.files.degenerate import refuse_degenerate
from cwamsn.errors import InputError
from cwamsn.notes import collected
from cwamsn.tables import feature_columns

N, D = 24, 4
IDS = [f"e-000_1_{'ABC'[i // 8]}{i % 8 + 1:02d}" for i in range(N)]
GENES = [f"G{i:02d}" for i in range(N)]
NAMES = [f"Cells_F{i}" for i in range(D)]
WELLS = pd.DataFrame({"well_id": IDS})
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


def values():
    return np.random.default_rng(0).standard_normal((N, D)).astype(np.float32)


def table(**extra):
    frame = pd.DataFrame(values(), columns=NAMES)
    frame.insert(0, "well_id", IDS)
    return frame.assign(**extra)


def write(frame, path):
    frame.to_csv(path, index=False) if path.suffix == ".csv" else frame.to_parquet(path, index=False)
    return path


def read(path, **entry):
    """Number of features, and what is said."""
    with collected() as said:
        frame, _ = read_embeddings(path, entry, WELLS)
    return len(feature_columns(frame)), " | ".join(said)


def read_genes(path, **entry):
    with collected() as said:
        _, counts = read_map(path, {"perturbation_column": "gene"} | entry)
    return counts["features"], " | ".join(said)


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
    assert found == D + 1 and "'flag' of 5 features hold whole numbers alone" in said


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


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_csv_with_another_separator_or_compressed_is_read_alike(tmp_path, separator):
    table().to_csv(tmp_path / "plain.csv", index=False)
    table().to_csv(tmp_path / "mine.csv", index=False, sep=separator)
    table().to_csv(tmp_path / "mine.csv.gz", index=False, sep=separator)
    wanted, _ = read_embeddings(tmp_path / "plain.csv", {}, WELLS)
    for name in ("mine.csv", "mine.csv.gz"):
        found, _ = read_embeddings(tmp_path / name, {}, WELLS)
        pd.testing.assert_frame_equal(found, wanted)
    table(gene=GENES).drop(columns="well_id").to_csv(tmp_path / "map.csv.gz", index=False, sep=separator)
    assert read_genes(tmp_path / "map.csv.gz") == (D, "")


@pytest.mark.parametrize("kind", ["wells", "map"])
def test_empty_rows_of_a_spreadsheet_are_no_rows_and_a_row_without_an_id_is_refused(tmp_path, kind):
    frame, take = (table(), read) if kind == "wells" else (table(gene=GENES).drop(columns="well_id"), read_genes)
    text = frame.to_csv(index=False)
    path = tmp_path / "mine.csv"
    path.write_text(text + ",,,,\n,,,,\n")
    assert take(path) == (D, "")
    path.write_text(text + (",1,2,3,4\n" if kind == "wells" else "1,2,3,4,\n"))
    with pytest.raises(InputError, match=rf"row {N} has no (well id|perturbation)"):
        take(path)
    path.write_text(text.partition("\n")[0] + "\n")
    with pytest.raises(InputError, match="has no row; fill it in"):
        take(path)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"PAR1" + bytes(99), "a Parquet file"),
        (b"PK\x03\x04" + bytes(99), "an Excel workbook"),
        (b"\x1f\x8b" + bytes(99), "gzip"),
        (table().to_csv(index=False).encode("utf-16"), "UTF-16"),
    ],
)
def test_what_is_no_csv_is_named_in_words(tmp_path, content, what):
    path = tmp_path / "mine.csv"
    path.write_bytes(content)
    for take in (read, read_genes):
        with pytest.raises(InputError, match=what) as error:
            take(path)
        assert str(error.value).isprintable()


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


def test_a_column_name_that_stands_twice_is_refused(tmp_path):
    (tmp_path / "mine.csv").write_text("well_id,f0,f1,f0\n" + "".join(f"{i},1.5,{k},2.5\n" for k, i in enumerate(IDS)))
    with pytest.raises(InputError, match="column 'f0' stands twice"):
        read(tmp_path / "mine.csv")
    (tmp_path / "map.csv").write_text("gene,f0,f1,f0\n" + "".join(f"{g},1.5,{k},2.5\n" for k, g in enumerate(GENES)))
    with pytest.raises(InputError, match="column 'f0' stands twice"):
        read_genes(tmp_path / "map.csv")


def test_a_list_of_the_users_wins_and_is_commented_on(tmp_path):
    path = write(table(Metadata_Count=np.linspace(0, 1, N), on=np.arange(N) % 3 > 0), tmp_path / "mine.parquet")
    found, said = read(path, feature_columns=["Cells_F0", "Metadata_Count", "on"])
    assert found == 3 and "feature_columns names 'Metadata_Count', by name no feature" in said


def test_counts_in_obs_are_no_features(tmp_path):
    obs = pd.DataFrame({"gene": GENES, "n_counts": np.arange(N) * 1e4, "quality": np.arange(N) * 7.5}, index=GENES)
    anndata.AnnData(values(), obs=obs).write_h5ad(tmp_path / "map.h5ad")
    found, said = read_genes(tmp_path / "map.h5ad")
    assert found == D and "'n_counts', 'quality'" in said


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


def test_vectors_that_tell_nothing_apart_are_refused(tmp_path):
    for bad, message in ((0.0, "all 24 vectors are zero"), (5.0, "all 24 wells have the same vector")):
        path = write(table(**dict.fromkeys(NAMES, bad)), tmp_path / "mine.parquet")
        with pytest.raises(InputError, match=message):
            read(path)
    with pytest.raises(InputError, match="1 feature; cosines need at least two"):
        read(write(table()[["well_id", "Cells_F0"]], path))
    same = table().rename(columns={n: f"feature_{i}" for i, n in enumerate(NAMES)})
    write(same.assign(**{f"feature_{i}": np.float32(3.0) for i in range(D)}), path)
    with pytest.raises(InputError, match="have the same vector"):  # a collapsed encoder's, met by the alignment
        load_features(path, WELLS)


def test_a_feature_that_outweighs_all_others_is_named(tmp_path):
    serial = np.random.default_rng(2).permutation(N) * 1000.5  # an index of another name, in any order
    found, said = read(write(table(serial=serial), tmp_path / "mine.parquet"))
    assert found == D + 1 and "feature 'serial' holds 100.0% of the variance of all 5" in said


def test_a_fill_value_is_said_and_heavy_tails_are_not(tmp_path):
    assert (
        "1 of 24 wells have a value more than 1000 times as large"
        in read(write(table(Cells_F1=[-99999.0, *values()[1:, 1]]), tmp_path / "mine.csv"))[1]
    )
    heavy = np.random.default_rng(0).standard_t(2, (2000, 64))
    with collected() as said:
        refuse_degenerate("x", heavy, [str(i) for i in range(2000)])
    assert said == []
    with pytest.raises(InputError, match="infinite feature in row 0"):
        write_to = write(table(gene=GENES, Cells_F1=[1e300, *values()[1:, 1]]), tmp_path / "map.parquet")
        read_genes(write_to)


def test_what_is_suspicious_is_counted():
    x = values()
    x[3], x[5], x[:, 1] = 0, x[6], 0.5
    x[3, 1] = 0
    x[:, 1] = 0
    with collected() as said:
        refuse_degenerate("mine.npz", x, IDS)
    assert said == [
        "mine.npz: 1 of 4 features are constant over all 24 wells",
        "mine.npz: 1 of 24 wells have a zero vector (such as e-000_1_A04)",
        "mine.npz: 2 of 24 wells have a vector that another has too (such as e-000_1_A06)",
    ]
