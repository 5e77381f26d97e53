"""Heads on frozen features: what pairs across wells teach, what they cannot, and what is refused."""

import numpy as np
import pandas as pd
import pytest
import torch

from cwamsn.errors import InputError
from cwamsn.heads import HeadOptions, apply_head, precision_across, train_head
from cwamsn.heads.network import Head
from tests.heads.screens import screen

SHORT = {"batch_size": 64, "prototypes": 64, "output": 24}


def unseen_precision(features, wells, **chosen):
    """Of perturbations that the head has never seen: precision before and after."""
    test = (wells["perturbation"] >= "p080").to_numpy()
    trained = train_head(features[~test], wells[~test].reset_index(drop=True), HeadOptions(**SHORT | chosen))
    groups, plates = wells["perturbation"].to_numpy(str)[test], wells["plate"].to_numpy(str)[test]
    mapped = apply_head(trained.head, features[test])
    return precision_across(features[test], groups, plates), precision_across(mapped, groups, plates), trained


@pytest.mark.parametrize("chosen", [{}, {"residual": True}, {"loss": "contrastive"}, {"layers": 2}])
def test_pairs_across_wells_find_replicates_of_unseen_perturbations_that_plates_hid(chosen):
    before, after, trained = unseen_precision(*screen(), **chosen)
    assert before < 0.25
    assert after > before + 0.3
    assert trained.better and trained.steps > 0


def test_pairs_of_one_well_with_itself_teach_nothing_of_plates():
    before, after, trained = unseen_precision(*screen(), target_from="image")
    assert after < before + 0.1
    assert trained.after <= trained.before + 0.15, "the best of some tens of heads on few perturbations"


def test_a_head_is_measured_against_the_features_as_they_came_not_as_it_standardises_them():
    features, wells = screen(perturbations=60)
    scaled = features * np.geomspace(1e-3, 1e3, features.shape[1], dtype=np.float32)
    trained = train_head(scaled, wells, HeadOptions(**SHORT | {"steps": 1}))
    held = wells["perturbation"].isin(trained.validated_on).to_numpy()
    groups, plates = wells["perturbation"].to_numpy(str)[held], wells["plate"].to_numpy(str)[held]
    assert trained.before == pytest.approx(precision_across(scaled[held], groups, plates), abs=1e-6)


def test_what_scaling_alone_gives_is_no_help_of_the_head():
    features, wells = screen(perturbations=60, nuisance=0.5)
    features[:, 0] = 1e4 * np.random.default_rng(0).normal(size=len(features))
    trained = train_head(features, wells, HeadOptions(**SHORT | {"residual": True, "learning_rate": 0.0, "steps": 1}))
    assert trained.after == trained.scaled > trained.before + 0.1
    assert not trained.better and "keep the vectors and scale each feature" in trained.doubt()


def test_features_that_hold_nothing_but_noise_are_said_not_to_be_helped():
    features, wells = screen(perturbations=60)
    noise = np.random.default_rng(1).normal(size=features.shape).astype(np.float32)
    trained = train_head(noise, wells, HeadOptions(**SHORT | {"residual": True}))
    assert trained.after - trained.before < 0.1


def test_the_order_of_the_wells_changes_no_digit_and_no_global_seed_is_touched():
    features, wells = screen(perturbations=40)
    options = HeadOptions(**SHORT | {"steps": 60})
    state = torch.random.get_rng_state()
    first = train_head(features, wells, options)
    assert torch.equal(state, torch.random.get_rng_state())
    order = np.random.default_rng(0).permutation(len(wells))
    second = train_head(features[order], wells.iloc[order].reset_index(drop=True), options)
    np.testing.assert_array_equal(apply_head(first.head, features), apply_head(second.head, features))
    assert first.trained_on == second.trained_on and first.log.equals(second.log)


def test_validation_perturbations_and_controls_are_not_trained_on():
    features, wells = screen(perturbations=40)
    wells.loc[wells["perturbation"] == "p000", "control"] = "negative"
    trained = train_head(features, wells, HeadOptions(**SHORT | {"steps": 50}))
    assert not set(trained.trained_on) & set(trained.validated_on)
    assert len(trained.validated_on) == 6
    assert "p000" not in {*trained.trained_on, *trained.validated_on}


def test_a_residual_head_starts_as_the_identity():
    head = Head(5, HeadOptions(residual=True, layers=2))
    rows = torch.randn(3, 5)
    assert torch.equal(head(rows), rows)


def test_precision_across_is_that_of_a_loop_over_queries():
    rng = np.random.default_rng(0)
    vectors, groups, plates = rng.normal(size=(30, 4)), rng.integers(0, 8, 30), rng.integers(0, 3, 30)
    vectors[5] = vectors[6]
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    found = []
    for q in range(30):
        candidates = [i for i in range(30) if plates[i] != plates[q]]
        positives = sorted((unit[q] @ unit[i] for i in candidates if groups[i] == groups[q]), reverse=True)
        others = [unit[q] @ unit[i] for i in candidates if groups[i] != groups[q]]
        ranks = [
            k + sum(o > p + 1e-12 for o in others) + 0.5 * sum(abs(o - p) <= 1e-12 for o in others)
            for k, p in enumerate(positives, 1)
        ]
        if ranks:
            found.append(np.mean([k / rank for k, rank in enumerate(ranks, 1)]))
    assert precision_across(vectors, groups, plates) == pytest.approx(np.mean(found))


def test_what_no_head_can_be_learned_from_is_refused_in_one_line():
    features, wells = screen(perturbations=40)
    with pytest.raises(InputError, match="lie on two plates or more"):
        train_head(features, wells.assign(plate="one"), HeadOptions())
    with pytest.raises(InputError, match="second well with target_from: batch"):
        train_head(features, wells, HeadOptions(target_from="batch"))
    bad = features.copy()
    bad[3, 2] = np.nan
    with pytest.raises(InputError, match=f"features of {wells['well_id'][3]} hold a NaN"):
        train_head(bad, wells)
    with pytest.raises(InputError, match="loss 'other' is not known"):
        HeadOptions(loss="other")
    head = Head(5, HeadOptions())
    with pytest.raises(InputError, match="takes 5 features, these are 7"):
        apply_head(head, np.zeros((2, 7)))


def test_plates_of_one_name_in_two_experiments_are_two_plates():
    """As plates 1 to 48 of RxRx3-core, which every experiment has."""
    features, wells = screen(perturbations=40)
    named = train_head(features, wells, HeadOptions(**SHORT | {"steps": 50}))
    repeated = wells.assign(experiment=wells["plate"], plate="1")
    assert train_head(features, repeated, HeadOptions(**SHORT | {"steps": 50})).before == named.before
    assert len(named.trained_on) == 34


def as_fields(features, wells, fields=2, noise=2.0):
    """Each well as several fields, each with noise of its own."""
    rng = np.random.default_rng(7)
    rows = np.repeat(np.arange(len(wells)), fields)
    table = wells.iloc[rows].reset_index(drop=True)
    table["field_id"] = table["well_id"] + "-" + table.groupby("well_id").cumcount().astype(str)
    return (features[rows] + noise * rng.normal(size=(len(rows), features.shape[1]))).astype(np.float32), table


def test_fields_of_a_well_are_views_of_it_and_the_head_takes_their_mean():
    features, wells = screen(perturbations=80)
    values, table = as_fields(features, wells)
    chosen = {**SHORT, "steps": 200}
    trained = train_head(values, table, HeadOptions(**chosen))
    means = pd.DataFrame(values).groupby(table["well_id"].to_numpy()).mean()
    kept = wells["perturbation"].isin(trained.trained_on).to_numpy()
    by_well = means.loc[wells["well_id"]].to_numpy(np.float32)
    np.testing.assert_allclose(trained.head.mean.numpy(), by_well[kept].mean(axis=0), atol=1e-4)
    np.testing.assert_allclose(trained.head.deviation.numpy(), by_well[kept].std(axis=0), rtol=1e-3)
    held = wells["perturbation"].isin(trained.validated_on).to_numpy()
    groups, plates = wells["perturbation"].to_numpy(str)[held], wells["plate"].to_numpy(str)[held]
    assert trained.before == pytest.approx(precision_across(by_well[held], groups, plates), abs=1e-4)
    assert trained.after == pytest.approx(
        precision_across(apply_head(trained.head, by_well[held]), groups, plates), abs=1e-4
    )
    order = np.random.default_rng(0).permutation(len(table))
    again = train_head(values[order], table.iloc[order].reset_index(drop=True), HeadOptions(**chosen))
    np.testing.assert_array_equal(apply_head(again.head, by_well), apply_head(trained.head, by_well))


def test_another_field_of_the_well_can_be_the_target():
    features, wells = screen(perturbations=30)
    values, table = as_fields(features, wells)
    assert train_head(values, table, HeadOptions(**SHORT, target_from="site", steps=50)).steps >= 0
    with pytest.raises(InputError, match="second well with target_from: site"):
        train_head(features, wells, HeadOptions(target_from="site"))


def test_without_a_perturbation_held_out_all_steps_are_made_and_nothing_says_whether_it_helps():
    features, wells = screen(perturbations=3)
    trained = train_head(features, wells, HeadOptions(**SHORT, validation=0, steps=30, check_every=10))
    assert trained.steps == 30 and len(trained.trained_on) == 3 and trained.validated_on == []
    assert np.isnan(trained.before) and np.isnan(trained.after) and not trained.better
    assert "nothing says whether it helps" in trained.doubt()
