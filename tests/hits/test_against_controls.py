"""Activity: copairs' AP to the last digit, its p-values on request, uniform ones by default."""

import math

import numpy as np
import pandas as pd
import pytest
from copairs.map import average_precision, mean_average_precision
from scipy import stats

from cwamsn.errors import InputError
from cwamsn.hits import activity, hit_list
from cwamsn.hits.options import ActivityOptions
from cwamsn.notes import collected
from tests.hits.screens import screen, shuffled

FEW = ActivityOptions(null_size=300)


def by_copairs(features, wells, across=True, null_size=300):
    """The package's own result, with controls of the query's plate as negatives."""
    meta = wells[["perturbation", "plate"]].assign(
        reference=np.where(wells["control"].isna(), -1, np.arange(len(wells)))
    )
    scores = average_precision(
        meta, features, ["perturbation", "reference"], ["plate"] if across else [], ["plate"],
        ["perturbation", "reference"], progress_bar=False,
    )  # fmt: skip
    scores = scores[(scores["reference"] == -1) & scores["average_precision"].notna()]
    return mean_average_precision(scores, ["perturbation"], null_size, 0.05, 0, progress_bar=False, max_workers=1)


def test_active_ones_are_found_and_others_are_not():
    table = activity(*screen(3.0, active=5, controls=16), FEW)
    assert list(table["perturbation"]) == [f"t{i:02d}" for i in range(20)]
    assert (table["corrected_p_value"][:5] < 0.05).all() and (table["corrected_p_value"][5:] > 0.05).all()
    assert (table["mean_average_precision"][:5] > 0.9).all() and (table["controls"] == 16).all()
    assert (table["n_queries"] == 4).all() and set(table["replicates"]) == {"across plates"}
    assert (table["replicate_similarity"][:5] > 0.4).all()


@pytest.mark.parametrize("across", [True, False])
def test_average_precision_and_its_p_value_equal_copairs(across, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))  # its cache
    features, wells = screen(0.7, plates=3)
    drop = np.random.default_rng(5).random(len(wells)) < 0.2  # plates with unequal numbers
    features, wells = features[~drop], wells[~drop].reset_index(drop=True)
    if not across:  # one plate with three wells each
        wells["plate"] = "p0"
    expected = by_copairs(features, wells, across).set_index("perturbation")
    found = activity(features, wells, ActivityOptions(p_values="copairs", null_size=300)).set_index("perturbation")
    found = found[found["p_value"].notna()]
    assert sorted(found.index) == sorted(expected.index) and len(found) > 10
    for name in ("mean_average_precision", "mean_normalized_average_precision", "p_value", "corrected_p_value"):
        np.testing.assert_allclose(found[name], expected[name][found.index], atol=1e-6, err_msg=name)


def test_p_values_are_uniform_where_labels_are_shuffled():
    """Between the wells of a plate, controls among them, on plates that differ."""
    features, wells = screen(1.0, perturbations=10, controls=12, spread=1.0)
    found = [activity(features, shuffled(wells, seed), FEW)["p_value"].to_numpy() for seed in range(40)]
    assert stats.kstest([values[0] for values in found], "uniform").pvalue > 0.01
    every = np.concatenate(found)
    for level in (0.05, 0.1, 0.5):
        assert (every <= level).mean() == pytest.approx(level, rel=0.4)


def test_a_layout_that_proves_nothing_says_so_where_random_ranks_claim_a_hit():
    """Two plates with four controls: a perturbation without effect ranks first on both in one case of ten."""
    small, claimed = [], []
    for seed in range(30):
        features, wells = screen(plates=2, perturbations=10, controls=4, seed=seed, spread=0)
        with collected() as lines:
            small.append(activity(features, wells, ActivityOptions(null_size=500)))
        claimed.append(activity(features, wells, ActivityOptions(p_values="copairs", null_size=500)))
        assert sum("cannot reach" in line for line in lines) == 0
    small, claimed = pd.concat(small), pd.concat(claimed)
    assert (small["p_value"] <= 0.01).mean() == 0 and (claimed["p_value"] <= 0.01).mean() > 0.04
    assert (small["least_p_value"] == 1 / 25).all()
    with collected() as lines:
        activity(*screen(plates=2, perturbations=3, controls=3), FEW)
    assert any("3 of 3 perturbations cannot reach p <= 0.05" in line for line in lines)


def test_least_p_value_is_that_of_the_layout():
    table = activity(*screen(3.0, plates=3, controls=4), ActivityOptions(null_size=2000))
    assert (table["least_p_value"] == 1 / 5**3).all()
    assert table["p_value"].min() == pytest.approx(1 / math.comb(5, 1) ** 3, rel=0.5)


def test_a_single_well_and_a_plate_without_controls_are_listed_without_a_p_value():
    features, wells = screen(3.0, controls=16)
    single = (wells["perturbation"] == "t00") & (wells["plate"] != "p0")
    lost = (wells["plate"] == "p1") & (wells["perturbation"] == "DMSO")
    only_there = (wells["perturbation"] == "t01") & ~wells["plate"].isin(["p1"])
    keep = ~(single | lost | only_there).to_numpy()
    again = wells[(wells["perturbation"] == "t01") & (wells["plate"] == "p1")].assign(well_id="x")
    wells2 = pd.concat([wells[keep], again], ignore_index=True)
    features2 = np.concatenate([features[keep], features[again.index] + 0.1])
    with collected() as lines:
        table = activity(features2, wells2, FEW).set_index("perturbation")
    assert list(table["reason"][["t00", "t01", "t02"]]) == ["one well", "no control in its plate", ""]
    assert table["p_value"][["t00", "t01"]].isna().all() and table["corrected_p_value"][["t00", "t01"]].isna().all()
    assert table["n_queries"]["t02"] == 3 and table["n_wells"]["t02"] == 4
    assert any("2 of 20 perturbations are listed without a p-value" in line for line in lines)
    table = activity(features2, wells2, ActivityOptions(null_size=300, within="batch")).set_index("perturbation")
    assert table["reason"]["t01"] == "" and table["replicates"]["t01"] == "same plate"


def test_replicates_on_one_plate_are_taken_and_said_to_be():
    features, wells = screen(3.0, plates=3, controls=16)
    with collected() as lines:
        table = activity(features, wells.assign(plate="p0"), FEW)
    assert set(table["replicates"]) == {"same plate"} and (table["corrected_p_value"] < 0.05).all()
    assert any("replicates on one plate only" in line for line in lines)


def test_equal_vectors_are_no_hit():
    features, wells = screen()
    table = activity(np.ones_like(features), wells, FEW)
    assert (table["p_value"] == 1).all() and (table["mean_average_precision"] < 0.5).all()


def test_digits_do_not_depend_on_the_order_of_wells():
    features, wells = screen(0.5)
    order = np.random.default_rng(3).permutation(len(wells))
    found = activity(features[order], wells.iloc[order], FEW)
    pd.testing.assert_frame_equal(found, activity(features, wells, FEW), check_exact=True)


def test_more_wells_and_controls_than_allowed_are_drawn():
    features, wells = screen(2.0, plates=6, controls=30)
    table = activity(features, wells, ActivityOptions(null_size=200, max_wells=4, max_controls=10))
    assert (table["n_wells"] == 6).all() and (table["n_queries"] == 4).all() and (table["controls"] == 10).all()


def test_screens_without_controls_or_replicates_are_refused_in_one_line():
    features, wells = screen()
    with pytest.raises(InputError, match="no well is a negative control"):
        activity(features, wells.assign(control=None), FEW)
    apart = wells.assign(plate=np.where(wells["control"].isna(), wells["plate"], "controls"))
    with pytest.raises(InputError, match=r"no control in its plate.*within: batch"):
        activity(features, apart, FEW)
    first = (wells["plate"] == "p0").to_numpy()
    with pytest.raises(InputError, match=r"none of 20 perturbations can be tested \(one well\)"):
        activity(features[first], wells[first], FEW)
    with pytest.raises(InputError, match=r"hits\.p_values: 'normal' is not known; known: permutation, copairs"):
        activity(features, wells, ActivityOptions(p_values="normal"))


def dosed(strengths, seed=0):
    """Three perturbations at several doses, twelve in all as perturbations of their own, then renamed."""
    features, wells = screen(perturbations=len(strengths), controls=16, plates=5, seed=seed)
    direction = np.random.default_rng(9).normal(size=(3, features.shape[1]))
    number = wells["perturbation"].str[1:].where(wells["control"].isna(), "0").astype(int).to_numpy()
    treated = wells["control"].isna().to_numpy()
    features[treated] += (np.array(strengths)[number][:, None] * direction[number % 3])[treated]
    wells["concentration"] = np.where(treated, 10.0 ** (number // 3), np.nan)
    wells["perturbation"] = np.where(treated, "c" + (number % 3).astype(str).astype(object), "DMSO")
    return features, wells


def test_the_hit_list_sums_up_the_doses():
    table = activity(*dosed([0, 0, 0, 0, 0, 3, 3, 0, 3, 3, 0, 3]), ActivityOptions(null_size=2000))
    hits = hit_list(table).set_index("perturbation")
    assert list(hits["active"][["c0", "c1", "c2"]]) == [True, False, True]
    assert hits["active_concentrations"]["c0"] == "100 1000" and hits["lowest_active_concentration"]["c2"] == 10
    assert hits["active_concentrations"]["c1"] == "" and (hits["n_doses"] == 4).all()
    assert hits["dose_trend"]["c0"] > 0.5 and list(hits.index)[-1] == "c1"
    for name, part in table.groupby("perturbation"):
        assert hits["p_value"][name] == pytest.approx(min(1, 4 * part["p_value"].min()))
    np.testing.assert_allclose(
        hits["corrected_p_value"].sort_index(), stats.false_discovery_control(hits["p_value"].sort_index())
    )


def test_the_hit_list_holds_its_false_discovery_rate():
    """Without any effect no perturbation is listed, but for a share of screens of at most the level."""
    listed = [
        hit_list(activity(*screen(perturbations=12, controls=12, seed=s), FEW))["active"].any() for s in range(40)
    ]
    assert np.mean(listed) <= 0.15  # .05 expected; .15 has a probability of .0004
