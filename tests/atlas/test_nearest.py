"""Neighbours of every perturbation are those that the library lists one by one, with the same p-values."""

import numpy as np
import pandas as pd
import pytest

from cwamsn.atlas.nearest import by_ranks, nearest_of_all
from cwamsn.atlas.options import AtlasOptions
from cwamsn.hits import NeighbourOptions, neighbours, perturbations
from cwamsn.hits.nearest import neighbours_without_wells
from cwamsn.profiles import wells_of as wells_behind
from cwamsn.vectors import unit_rows
from tests.atlas.screens import profiles_of, wells_of


def keys_of(names):
    return pd.DataFrame({"perturbation_type": "COMPOUND", "perturbation": names, "concentration": np.nan})


@pytest.mark.parametrize("k", [1, 5, 40])
def test_ranks_are_those_of_one_query_at_a_time(k):
    rng = np.random.default_rng(0)
    names = [f"p{i}" for i in rng.integers(0, 12, 30)]  # doses share a name
    unit = unit_rows(rng.normal(size=(30, 6)))
    found = by_ranks(unit, pd.factorize(pd.Series(names))[0], k)
    keys = keys_of(names).assign(concentration=np.arange(30, dtype=float))
    for query in range(30):
        table = (
            neighbours_without_wells(unit, keys, [names[query]], NeighbourOptions(k=k), concentration=float(query))[1]
            if query
            else neighbours_without_wells(unit, keys, [names[0]], NeighbourOptions(k=k))[1]
        )
        table = table[table["query_concentration"] == query]
        n = len(table)
        assert (found.index[query, n:] == -1).all() and np.isnan(found.similarity[query, n:]).all()
        assert found.index[query, :n].tolist() == table["concentration"].astype(int).tolist()
        np.testing.assert_allclose(found.similarity[query, :n], table["similarity"], atol=1e-6)
        np.testing.assert_allclose(found.p_value[query, :n], table["p_value"], rtol=1e-6)


def test_blocks_change_nothing(monkeypatch):
    rng = np.random.default_rng(1)
    unit, labels = unit_rows(rng.normal(size=(50, 6))), rng.integers(0, 40, 50)
    whole = by_ranks(unit, labels, 7)
    monkeypatch.setattr("cwamsn.atlas.nearest._BLOCK", 8)
    parts = by_ranks(unit, labels, 7)
    np.testing.assert_array_equal(whole.index, parts.index)
    np.testing.assert_array_equal(whole.p_value, parts.p_value)


def test_on_a_small_screen_labels_of_wells_are_permuted_as_the_command_neighbours_does():
    wells = wells_of()
    profiles = profiles_of(wells)
    screen = perturbations(profiles.vectors(), wells_behind(profiles.obs))
    found = nearest_of_all(screen, AtlasOptions(k=3, null_size=99))
    assert found.null == "wells"
    options = NeighbourOptions(k=3, null_size=99, refined_null_size=0)
    table = neighbours(profiles.vectors(), wells_behind(profiles.obs), None, options)[1]
    np.testing.assert_allclose(found.similarity.ravel(), table["similarity"], atol=1e-6)
    np.testing.assert_allclose(found.p_value.ravel(), table["p_value"], rtol=1e-6)
    near = screen.keys.iloc[found.index.ravel()]
    assert near["perturbation"].tolist() == table["perturbation"].tolist()
    np.testing.assert_array_equal(near["concentration"], table["concentration"])


def test_beyond_the_limit_whole_perturbations_are_permuted_and_p_values_can_be_left_out():
    profiles = profiles_of(wells_of())
    screen = perturbations(profiles.vectors(), wells_behind(profiles.obs))
    assert nearest_of_all(screen, AtlasOptions(wells_null_up_to=5)).null == "perturbations"
    none = nearest_of_all(screen, AtlasOptions(p_values="none"))
    assert none.null == "none" and np.isnan(none.p_value).all() and (none.index[:, :9] >= 0).all()


def test_a_single_perturbation_has_no_neighbour():
    wells = wells_of()
    wells = wells[wells["perturbation"].isin(["taxol", "DMSO"])].reset_index(drop=True)
    profiles = profiles_of(wells)
    found = nearest_of_all(perturbations(profiles.vectors(), wells_behind(profiles.obs)), AtlasOptions())
    assert (found.index == -1).all() and found.null == "none"
