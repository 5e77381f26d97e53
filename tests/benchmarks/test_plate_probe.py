"""Plate probe: equal to scikit-learn, chance on noise, the same digits in any order and on any threads."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.covariance import ledoit_wolf_shrinkage
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.metrics import f1_score
from sklearn.neighbors import KNeighborsClassifier

from cwamsn.benchmarks import plate_probe as pp
from cwamsn.benchmarks import probes
from cwamsn.errors import InputError
from cwamsn.notes import collected


@pytest.fixture(scope="module")
def screen():
    """600 wells of two experiments with five plates each; plates differ by a little."""
    rng = np.random.default_rng(0)
    n = 600
    wells = pd.DataFrame({"well_id": [f"w{i:04d}" for i in range(n)], "experiment": np.repeat(["e1", "e2"], n // 2)})
    wells["plate"] = (np.arange(n) % 5 + 1).astype(str)
    wells["row"], wells["column"] = rng.integers(1, 5, n), rng.integers(1, 7, n)
    control = rng.random(n) < 0.3
    wells["control"] = np.where(control, "negative", None)
    wells["perturbation"] = np.where(control, "EMPTY_control", np.array([f"g{i}" for i in rng.integers(0, 25, n)]))
    physical = (wells["experiment"] == "e2") * 5 + wells["plate"].astype(int) - 1
    features = rng.normal(size=(n, 12)) + 1.2 * rng.normal(size=(10, 12))[physical]
    return features, wells


def test_linear_probe_equals_discriminant_analysis(screen):
    features, wells = screen
    x = features.astype(np.float32)
    names, y = np.unique(wells["experiment"] + wells["plate"], return_inverse=True)
    fold = np.arange(len(y)) % 3
    found = probes.LinearProbe(x, block=100).predict(y, fold)
    for f in range(3):
        train = fold != f
        means = np.stack([x[train & (y == c)].mean(axis=0) for c in range(len(names))])
        residual = (x[train] - means[y[train]]).astype(np.float64)
        covariance = residual.T @ residual / train.sum()
        fourth = float(((residual**2).sum(axis=1) ** 2).sum())
        shrinkage = probes.ledoit_wolf(covariance, fourth, int(train.sum()))
        assert shrinkage == pytest.approx(ledoit_wolf_shrinkage(residual, assume_centered=True), abs=1e-6)
        shrunk = (1 - shrinkage) * covariance + shrinkage * np.trace(covariance) / 12 * np.eye(12)
        weights = np.linalg.solve(shrunk, means.T)
        scores = (
            x[~train] @ weights - 0.5 * (means.T * weights).sum(axis=0) + np.log(np.bincount(y[train]) / train.sum())
        )
        assert (found[fold == f] == scores.argmax(axis=1)).mean() > 0.995
        library = LinearDiscriminantAnalysis(solver="lsqr").fit(x[train], y[train]).predict(x[~train])
        assert (found[fold == f] == library).mean() > 0.95


def test_neighbour_probe_equals_scikit_learn(screen):
    features, wells = screen
    _, y = np.unique(wells["plate"], return_inverse=True)
    fold = np.arange(len(y)) % 4
    fold[::11] = -1  # wells that take no part
    for listed in (3, 50):  # too few listed neighbours fall back on all distances
        found = probes.NeighbourProbe(features, 5, listed).predict(y, fold)
        assert (found[fold < 0] == -1).all()
        for f in range(4):
            train = (fold >= 0) & (fold != f)
            x = features.astype(np.float32)
            library = KNeighborsClassifier(5, algorithm="brute").fit(x[train], y[train]).predict(x[fold == f])
            assert (found[fold == f] == library).all()


def test_majority_breaks_ties_to_the_smaller_class():
    assert probes.majority(np.array([[3, 1, 3, 1, 2], [5, 4, 3, 2, 1], [2, 2, 2, 0, 0]])).tolist() == [1, 1, 2]


def test_a_plate_effect_is_found_and_noise_scores_chance(screen):
    features, wells = screen
    table = pp.probe_plates(features, wells)
    assert set(table["fold"]) == set(range(5))
    settings = table.groupby(["probe", "plate_reading", "controls"])
    assert len(settings) == 2 * 2 * 3
    physical = table[(table["plate_reading"] == "experiment_plate") & (table["controls"] == "full")]
    assert (physical["chance_macro_f1"] == 0.1).all()
    assert physical.groupby("probe")["macro_f1"].mean().min() > 0.5
    assert physical["shuffled_macro_f1"].mean() < 0.15
    noise = pp.probe_plates(
        np.random.default_rng(1).normal(size=features.shape), wells, pp.PlateProbeOptions(controls=["full"])
    )
    assert noise.groupby(["probe", "plate_reading"])["macro_f1"].mean().max() < 0.27


def test_order_and_threads_change_no_digit(screen):
    features, wells = screen
    options = pp.PlateProbeOptions(
        folds=["random", "grouped"], plate_readings=["plate", "row"], controls=["full", "only"]
    )
    expected = pp.probe_plates(features, wells, options)
    order = np.random.default_rng(0).permutation(len(wells))
    found = pp.probe_plates(features[order], wells.iloc[order], replace(options, threads=2))
    pd.testing.assert_frame_equal(found, expected, check_exact=True)


def test_grouped_folds_keep_a_perturbation_together_and_spread_controls(screen):
    _, wells = screen
    groups = np.where(wells["control"].isna(), wells["perturbation"], wells["well_id"])
    _, y = np.unique(wells["plate"], return_inverse=True)
    fold = pp.assign_folds(y, groups, 5, "grouped", 0)
    treated = wells[wells["control"].isna()].assign(fold=fold[wells["control"].isna()])
    assert (treated.groupby("perturbation")["fold"].nunique() == 1).all()
    assert len(set(fold[wells["control"].notna()])) == 5


def test_folds_are_at_most_the_smallest_class():
    few = np.repeat(["a", "b", "c"], 4)
    assert pp.choose_folds(few, 5)[1] == 4 and pp.choose_folds(few, 5)[0].all()
    rare = np.array(["a"] * 50 + ["b"] * 50 + ["c"])
    kept, folds = pp.choose_folds(rare, 5)
    assert folds == 5 and kept.sum() == 100
    assert pp.choose_folds(np.array(["a", "b"]), 5)[1] == 0


def test_shuffled_labels_and_classes_are_reported(screen):
    table = pp.probe_plates(
        *screen, pp.PlateProbeOptions(controls=["none"], probes=["linear"], plate_readings=["experiment"])
    )
    long = pp.summary(table)
    values = long[long["fold"].isna()].set_index("metric")["value"]
    assert values["linear_macro_f1_mean"] == pytest.approx(table["macro_f1"].mean())
    assert values["linear_macro_f1_std"] == pytest.approx(table["macro_f1"].std(ddof=1))
    assert values["linear_macro_f1_chance"] == 0.5 and values["linear_macro_f1_classes"] == 2
    assert (long["source"] == "random folds").all() and long["fold"].notna().sum() == 5


def test_logistic_regression_is_an_option(screen):
    options = pp.PlateProbeOptions(controls=["full"], probes=["linear"], plate_readings=["experiment_plate"])
    found = pp.probe_plates(*screen, replace(options, classifier="logistic"))["macro_f1"].mean()
    assert found == pytest.approx(pp.probe_plates(*screen, options)["macro_f1"].mean(), abs=0.05)


def test_one_class_has_no_row_and_unknown_words_are_named(screen):
    features, wells = screen
    one = pp.probe_plates(features, wells.assign(experiment="e"), pp.PlateProbeOptions(plate_readings=["experiment"]))
    assert one.empty and pp.summary(one).empty
    for words in ({"plate_readings": ["plates"]}, {"controls": ["some"]}, {"probes": ["tree"]}, {"folds": ["time"]}):
        with pytest.raises(InputError, match="known"):
            pp.probe_plates(features, wells, pp.PlateProbeOptions(**words))


def test_a_probe_without_wells_is_said(screen):
    features, wells = screen[:2]
    treated = wells.assign(control=None)
    options = pp.PlateProbeOptions(plate_readings=("experiment_plate",), controls=("only",))
    with collected() as lines:
        assert pp.probe_plates(features, treated, options).empty
    assert lines == [
        "plate_probe of experiment_plate is not scored with controls: only: 0 wells leave 0 classes of two wells or "
        "more, two are needed"
    ]


def test_macro_f1_counts_unseen_classes_as_zero():
    truth = np.array([0, 0, 1, 1, 2, 2])
    assert pp.macro_f1(truth, np.zeros(6, int)) == pytest.approx(f1_score(truth, np.zeros(6), average="macro"))
