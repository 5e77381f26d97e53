"""Neighbours: equal to naive loops, found where they are, and with uniform p-values where labels mean nothing."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from cwamsn.errors import InputError
from cwamsn.hits import nearest as nb
from cwamsn.hits.options import NeighbourOptions
from tests.hits.screens import screen, shuffled

FEW = NeighbourOptions(null_size=199, refined_null_size=400, k=100)


def pairs(strength=2.0, **named):
    """A screen in which t01 does what t00 does."""
    features, wells = screen(strength, **named)
    twin = {
        p: i
        for i, p in zip(wells.index[wells["perturbation"] == "t00"], wells["plate"][wells["perturbation"] == "t00"])
    }
    noise = np.random.default_rng(1).normal(size=features.shape)
    for row in wells.index[wells["perturbation"] == "t01"]:
        features[row] = features[twin[wells["plate"][row]]] + noise[row]
    return features, wells


def test_a_twin_is_the_nearest_and_no_other_is_significant():
    queries, table = nb.neighbours(*pairs(), ["t00"])
    assert table["perturbation"].iloc[0] == "t01" and table["reverse_rank"].iloc[0] == 1
    assert table["corrected_p_value"].iloc[0] < 0.01 and (table["corrected_p_value"].iloc[1:] > 0.05).all()
    assert len(table) == 10 and list(table["rank"]) == list(range(1, 11))
    assert table["similarity"].is_monotonic_decreasing and set(table["query"]) == {"t00"}
    assert queries["replicate_similarity"].iloc[0] > 0.5 > queries["other_similarity"].iloc[0]
    assert queries["replicate_p_value"].iloc[0] < 0.01


def test_the_numbers_equal_loops():
    features, wells = pairs(1.0)
    queries, table = nb.neighbours(features, wells, ["t00"], FEW)
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    names, plates = wells["perturbation"].to_numpy(), wells["plate"].to_numpy()
    mean = {n: features[names == n].mean(axis=0) for n in set(names) - {"DMSO"}}

    def cosine(a, b):
        return a @ b / np.linalg.norm(a) / np.linalg.norm(b)

    def agreement(name):
        rows = np.flatnonzero(names == name)
        return np.mean([unit[i] @ unit[j] for i in rows for j in rows if plates[i] != plates[j]])

    for row in table.itertuples():
        own = cosine(mean["t00"], mean[row.perturbation])
        assert row.similarity == pytest.approx(own, abs=1e-6)
        back = [cosine(mean[n], mean[row.perturbation]) for n in mean if n not in ("t00", row.perturbation)]
        assert row.reverse_rank == 1 + sum(value > own for value in back)
        assert row.replicate_similarity == pytest.approx(agreement(row.perturbation), abs=1e-6)
    mine, others = np.flatnonzero(names == "t00"), np.flatnonzero((names != "t00") & (names != "DMSO"))
    expected = np.mean([unit[i] @ unit[j] for i in mine for j in others if plates[i] != plates[j]])
    assert queries["other_similarity"].iloc[0] == pytest.approx(expected, abs=1e-6)
    corrected = stats.false_discovery_control(table["p_value"])  # the whole family is listed
    np.testing.assert_allclose(table["corrected_p_value"], corrected)


def test_a_p_value_counts_permuted_queries_without_wells_of_the_candidate():
    features, wells = pairs(0.5)
    found = nb.perturbations(features, wells)
    names = found.wells["perturbation"].to_numpy()
    sets = nb.layout_of(np.flatnonzero(names == "t00"), names != "DMSO", found.plate).draw(50, np.random.default_rng(0))
    candidate = int(nb.find(found.keys, "t05")[0])
    query = found.profiles[nb.find(found.keys, "t00")[0]]
    own = found.profiles[candidate] @ query
    values = []
    for rows in sets:
        if "t05" not in names[rows]:
            mean = found.vectors[rows].astype(float).mean(axis=0)
            values.append(found.profiles[candidate] @ mean / np.linalg.norm(mean))
    expected = (1 + np.sum(np.array(values) >= own - 1e-6)) / (1 + len(values))
    assert len(values) < 50
    assert nb.permutation_p(found, sets, np.array([candidate]), np.array([own]))[0] == pytest.approx(expected)


def test_p_values_are_uniform_where_labels_are_shuffled():
    """Within plates, of a screen with effects, plate effects and perturbations of several sizes."""
    features, wells = screen(1.5, perturbations=30, spread=1.0)
    candidate, replicate = [], []
    for seed in range(60):
        queries, table = nb.neighbours(features, shuffled(wells, seed, wells["control"].isna()), ["t00"], FEW)
        candidate.append(table["p_value"].to_numpy())
        replicate.append(queries["replicate_p_value"].iloc[0])
    assert stats.kstest(replicate, "uniform").pvalue > 0.01
    every = np.concatenate(candidate)
    assert stats.kstest([values[len(values) // 2] for values in candidate], "uniform").pvalue > 0.01
    assert (every <= 0.01).mean() <= 0.015  # refined ones must be small twice, which makes them rarer there
    for level in (0.05, 0.1, 0.5):
        assert (every <= level).mean() == pytest.approx(level, rel=0.35)


def test_digits_do_not_depend_on_the_order_of_wells():
    features, wells = pairs(1.0)
    order = np.random.default_rng(3).permutation(len(wells))
    for first, second in zip(
        nb.neighbours(features, wells, ["t00", "t03"], FEW),
        nb.neighbours(features[order], wells.iloc[order], ["t00", "t03"], FEW),
    ):
        pd.testing.assert_frame_equal(first, second, check_exact=True)


def test_doses_are_queries_of_their_own_and_no_neighbours_of_each_other():
    features, wells = pairs()
    dose = np.where(wells["plate"].isin(["p0", "p1"]), 1.0, 10.0)
    wells = wells.assign(concentration=np.where(wells["control"].isna(), dose, np.nan))
    queries, table = nb.neighbours(features, wells, ["t00"], FEW)
    assert list(queries["concentration"]) == [1.0, 10.0] and "t00" not in set(table["perturbation"])
    assert (table.groupby("query_concentration")["perturbation"].first() == "t01").all()
    one, _ = nb.neighbours(features, wells, ["t00"], FEW, concentration=10.0)
    assert list(one["concentration"]) == [10.0]
    with pytest.raises(InputError, match=r"no profile at 3 µM; its doses: 1, 10"):
        nb.neighbours(features, wells, ["t00"], FEW, concentration=3.0)


def test_a_single_well_has_neighbours_but_no_agreement():
    features, wells = pairs()
    keep = ((wells["perturbation"] != "t00") | (wells["plate"] == "p0")).to_numpy()
    queries, table = nb.neighbours(features[keep], wells[keep], ["t00"])
    assert table["perturbation"].iloc[0] == "t01" and queries["n_wells"].iloc[0] == 1
    assert np.isnan(queries["replicate_similarity"].iloc[0]) and np.isnan(queries["replicate_p_value"].iloc[0])
    assert queries["least_p_value"].iloc[0] == pytest.approx(1 / 20)


def test_positive_controls_are_candidates_and_negative_ones_are_not():
    features, wells = pairs()
    wells["control"] = wells["control"].where(wells["perturbation"] != "t01", "other")
    _, table = nb.neighbours(features, wells, ["t00"])
    assert table["perturbation"].iloc[0] == "t01" and "DMSO" not in set(table["perturbation"])
    assert nb.neighbours(features, wells, ["t01"])[1]["perturbation"].iloc[0] == "t00"


def test_profiles_of_perturbations_have_their_labels_permuted_as_wholes():
    features, wells = pairs(perturbations=40)
    found = nb.perturbations(features, wells)
    keys = found.keys[["perturbation_type", "perturbation", "concentration"]]
    _, table = nb.neighbours_without_wells(found.profiles, keys, ["t00"])
    _, of_wells = nb.neighbours(features, wells, ["t00"])
    assert list(table["perturbation"]) == list(of_wells["perturbation"])
    assert list(table["reverse_rank"]) == list(of_wells["reverse_rank"])
    assert table["p_value"].iloc[0] == pytest.approx(1 / 39)


def test_an_unknown_name_or_key_is_one_line():
    features, wells = pairs()
    with pytest.raises(InputError, match=r"no perturbation 't000' in the profiles.*t00"):
        nb.neighbours(features, wells, ["t000"])
    with pytest.raises(InputError, match=r"neighbours\.within: 'well' is not known; known: plate, batch"):
        nb.neighbours(features, wells, ["t00"], NeighbourOptions(within="well"))
    with pytest.raises(InputError, match="give a plate map"):
        nb.neighbours(features, wells.assign(perturbation=None), ["t00"])
    only = wells["perturbation"].isin(["t00", "DMSO"]).to_numpy()
    with pytest.raises(InputError, match="only perturbation"):
        nb.neighbours(features[only], wells[only], ["t00"])
