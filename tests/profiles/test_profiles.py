"""Profiles are made from embeddings and wells, and pooled as the workflow's maps are."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from cwamsn.alignment import AlignOptions, aggregate, align
from cwamsn.errors import InputError
from cwamsn.notes import collected
from cwamsn.profiles import align_profiles, pool_profiles, well_profiles, wells_of
from cwamsn.tables import feature_columns
from tests.profiles.samples import D, embeddings, profiles, wells


def test_every_column_of_the_wells_table_has_its_metadata_column():
    table = wells()
    obs = profiles().obs
    assert obs["Metadata_Plate"].tolist() == table["plate"].tolist()
    assert obs["Metadata_Well"].tolist() == table["address"].tolist()
    assert obs["Metadata_Batch"].tolist() == table["experiment"].tolist()
    assert obs["Metadata_Control"].tolist() == table["control"].tolist()
    np.testing.assert_array_equal(obs["Metadata_Concentration"], table["concentration"])
    assert obs["Metadata_FieldCount"].tolist() == [9] * len(table)
    assert obs["Metadata_moa"].unique().tolist() == ["kinase inhibitor"]
    assert obs.index.tolist() == table["well_id"].tolist()


def test_a_barcode_that_cannot_name_a_file_is_the_plate():
    table = wells().assign(barcode="BR 17/a")
    obs = well_profiles(embeddings(table), table).obs
    assert obs["Metadata_Plate"].unique().tolist() == ["BR 17/a"]
    assert obs["Metadata_PlateID"].unique().tolist() == ["0017", "0117"]
    assert wells_of(obs)["plate"].tolist() == table["plate"].tolist()


def test_the_wells_table_comes_back_from_the_metadata():
    table, found = wells(), wells_of(profiles().obs)
    pd.testing.assert_frame_equal(found[table.columns], table, check_dtype=False)


def test_profiles_follow_the_order_of_the_embeddings_and_count_what_they_lack():
    table = wells()
    some = embeddings(table).iloc[::-3]
    with collected() as said:
        found = well_profiles(some, table)
    assert found.obs.index.tolist() == some["well_id"].tolist()
    assert said == [f"{len(table) - len(some)} of {len(table)} wells have no embedding and no profile"]


def test_an_alignment_has_the_vectors_of_the_stage():
    found, table = profiles(), wells()
    assert list(found.aligned) == ["pca-center-scale@4", "center-scale"]
    expected = align(found.features, table, "pca-center-scale@4", AlignOptions(), say=False)
    np.testing.assert_array_equal(found.vectors(), expected.astype(np.float32))
    np.testing.assert_array_equal(found.vectors("none"), found.features)
    assert found.about["alignment"]["pca-center-scale@4"]["n_components"] == 4
    assert align_profiles(found, "none") is found


def test_pooled_profiles_are_the_map_of_the_stage():
    found = profiles()
    pooled = pool_profiles(found)
    for vectors, name in ((found.features, "none"), (found.vectors(), None)):
        expected = aggregate(vectors, wells(), concentrations=None)
        np.testing.assert_allclose(pooled.vectors(name), expected[feature_columns(expected.columns)], rtol=1e-6)
        assert pooled.obs["Metadata_Perturbation"].tolist() == expected["perturbation"].tolist()
        assert pooled.obs["Metadata_Concentration"].tolist() == expected["concentration"].tolist()
        assert pooled.obs["Metadata_WellCount"].tolist() == expected["n_wells"].tolist()


def test_pooled_metadata_is_what_all_wells_of_a_perturbation_share():
    pooled = pool_profiles(profiles()).obs
    assert pooled.index[0] == "BRD-005 @ 0.1 µM"
    assert pooled["Metadata_SMILES"].iloc[0] == "C" * 5
    assert pooled["Metadata_PlateCount"].unique().tolist() == [2]
    assert pooled["Metadata_FieldCount"].unique().tolist() == [9 * 4]
    assert not {"Metadata_Well", "Metadata_Plate", "Metadata_Batch"} & set(pooled)
    table = wells()
    table.loc[table.index[4], "smiles"] = "CC"  # another molecule under the same name
    assert pool_profiles(well_profiles(embeddings(table), table)).obs["Metadata_SMILES"].iloc[0] is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p: replace(p, features=p.features[1:]), "for 96 rows; one row of each"),
        (lambda p: replace(p, features=np.full_like(p.features, np.nan)), "features of 0017_A01 has a NaN"),
        (lambda p: replace(p, names=["a"] * D), "1 names for 8 features"),
        (lambda p: replace(p, obs=p.obs.assign(dose=1)), "column 'dose' of obs does not begin with Metadata_"),
        (lambda p: replace(p, obs=p.obs.drop(columns="Metadata_Well")), "needs Metadata_Well"),
        (lambda p: replace(p, obs=p.obs.set_index("Metadata_Plate", drop=False)), "0017 stands twice"),
        (lambda p: replace(p, aligned={"none": p.features}), "'none' is no name"),
        (lambda p: p.vectors("sphering"), "no alignment 'sphering'; known: pca-center-scale@4, center-scale, none"),
        (lambda p: pool_profiles(pool_profiles(p)), "are of perturbations already"),
        (lambda p: well_profiles(embeddings(wells()), wells()[1:]), "well 0017_A01 is not in the wells table"),
        (lambda p: well_profiles(embeddings(wells()), wells(), about={"x": object()}), "about.x holds object"),
    ],
)  # fmt: skip
def test_what_does_not_fit_together_is_refused(change, message):
    with pytest.raises(InputError, match=re.escape(message)):
        change(profiles())


def test_columns_of_the_users_plate_map_and_counts_of_cells_are_kept():
    table = wells().assign(platemap_moa="kinase inhibitor", platemap_Well="1", cell_count=250.0, source="source_4")
    found = well_profiles(embeddings(table), table)
    assert found.obs["Metadata_moa"].unique().tolist() == ["kinase inhibitor"]
    assert found.obs["Metadata_PlateMap_Well"].unique().tolist() == ["1"], "Metadata_Well is the address"
    assert found.obs["Metadata_CellCount"].unique().tolist() == [250]
    assert found.obs["Metadata_Source"].unique().tolist() == ["source_4"]
    assert wells_of(found.obs)["cell_count"].unique().tolist() == [250]
    pooled = pool_profiles(found).obs
    assert pooled["Metadata_CellCount"].tolist() == (250 * pooled["Metadata_WellCount"]).tolist()
    assert pooled["Metadata_moa"].unique().tolist() == ["kinase inhibitor"]
