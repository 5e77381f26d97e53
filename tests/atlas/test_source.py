"""What an atlas can be made from, and one line for what it cannot."""

import numpy as np
import pandas as pd
import pytest

from cwamsn import tables
from cwamsn.atlas import read_source
from cwamsn.errors import InputError
from cwamsn.profiles import align_profiles, pool_profiles, read_profiles, write_csv, write_parquet
from tests.atlas.screens import profiles_of, wells_of, write_screen


def test_wells_stand_in_the_order_of_their_ids_whatever_that_of_the_file(tmp_path):
    wells = wells_of().sample(frac=1, random_state=0).reset_index(drop=True)
    profiles = profiles_of(wells)
    write_parquet(profiles, tmp_path / "p.parquet")
    found = read_source(tmp_path / "p.parquet")
    assert found.obs.index.tolist() == sorted(wells["well_id"])
    place = profiles.obs.index.get_indexer(found.obs.index)
    np.testing.assert_array_equal(found.vectors(), profiles.vectors()[place])


def test_embeddings_with_a_wells_table_are_aligned_as_the_configuration_does(tmp_path):
    wells = wells_of()
    profiles = profiles_of(wells)
    frame = pd.DataFrame(profiles.features, columns=profiles.names).assign(well_id=wells["well_id"])
    tables.write(frame, "embeddings", tmp_path / "e.parquet")
    tables.write(wells, "wells", tmp_path / "wells.parquet")
    found = read_source(tmp_path / "e.parquet", tmp_path / "wells.parquet")
    plain = align_profiles(profiles)
    assert found.alignment() == "pca-center-scale"
    place = plain.obs.index.get_indexer(found.obs.index)
    np.testing.assert_allclose(found.vectors(), plain.vectors("pca-center-scale")[place], atol=1e-5)
    assert read_source(tmp_path / "e.parquet", tmp_path / "wells.parquet", "none").alignment() == "none"
    with pytest.raises(InputError, match="give --wells"):
        read_source(tmp_path / "e.parquet")


def test_a_wells_table_fills_in_what_profiles_lack_and_changes_nothing_else(tmp_path):
    wells = wells_of()
    profiles = profiles_of(wells)
    bare = profiles.obs[["Metadata_Plate", "Metadata_Well", "Metadata_WellID"]]
    write_csv(type(profiles)(bare.assign(Metadata_Plate="mine"), profiles.features, profiles.names), tmp_path / "p.csv")
    tables.write(wells, "wells", tmp_path / "wells.parquet")
    with pytest.raises(InputError, match="says of no well what it was treated with"):
        read_source(tmp_path / "p.csv")
    found = read_source(tmp_path / "p.csv", tmp_path / "wells.parquet").obs
    assert set(found["Metadata_Plate"]) == {"mine"}
    assert found["Metadata_Perturbation"].tolist() == wells.sort_values("well_id")["perturbation"].tolist()
    tables.write(wells.iloc[1:], "wells", tmp_path / "fewer.parquet")
    with pytest.raises(InputError, match="e0_1_A01 is not in the wells table"):
        read_source(tmp_path / "p.csv", tmp_path / "fewer.parquet")


def test_a_well_without_an_address_is_named(tmp_path):
    frame = pd.DataFrame({"Metadata_Plate": ["p", "p"], "Metadata_Well": ["A01", None], "Metadata_Perturbation": "x"})
    frame.assign(feature_0=1.0).to_parquet(tmp_path / "p.parquet")
    with pytest.raises(InputError, match="row 1 names no well"):
        read_source(tmp_path / "p.parquet")


def test_profiles_of_perturbations_and_unknown_alignments_are_refused(tmp_path):
    path = write_screen(tmp_path)[0]
    write_parquet(pool_profiles(read_profiles(path)), tmp_path / "pooled.parquet")
    with pytest.raises(InputError, match="an atlas shows wells"):
        read_source(tmp_path / "pooled.parquet")
    with pytest.raises(InputError, match="have no alignment 'sphering'"):
        read_source(path, alignment="sphering")
