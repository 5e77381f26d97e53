"""Every alignment against an independent version, and against the order of the rows."""

import logging

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import linalg
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from cwamsn.alignment import METHODS, align, control_holdout_report
from cwamsn.errors import InputError
from cwamsn.notes import collected


def screen(n=600, features=24, experiments=3, share=0.4, seed=0):
    """Wells with batch shifts, and their embeddings."""
    rng = np.random.default_rng(seed)
    batch = np.arange(n) % experiments
    wells = pd.DataFrame(
        {
            "well_id": [f"w{i:05d}" for i in rng.permutation(n)],
            "experiment": [f"e{b}" for b in batch],
            "control": np.where(rng.random(n) < share, "negative", None),
            "perturbation": rng.choice(["A", "B", "C", "D"], n),
            "perturbation_type": "CRISPR",
        }
    )
    mixing = rng.normal(size=(features, features))
    values = rng.normal(size=(n, features)) @ mixing + rng.normal(size=(experiments, features))[batch] * 5
    return values, wells


def cosines(values):
    unit = values / np.linalg.norm(values, axis=1, keepdims=True)
    return unit @ unit.T


def naive_center_scale(values, wells):
    out, control = values.copy(), (wells["control"] == "negative").to_numpy()
    for e in wells["experiment"].unique():
        here = (wells["experiment"] == e).to_numpy()
        out[here] = StandardScaler().fit(values[here & control]).transform(values[here])
    return out


@pytest.mark.parametrize("components", [None, 7])
def test_pca_center_scale_equals_scikit_learn(components):
    values, wells = screen()
    control = (wells["control"] == "negative").to_numpy()
    expected = naive_center_scale(PCA(components).fit(values[control]).transform(values), wells)
    got = align(values, wells, n_components=components)
    assert got.shape == expected.shape
    assert np.abs(cosines(got) - cosines(expected)).max() < 1e-8
    assert np.abs(np.abs(got) - np.abs(expected)).max() < 1e-8
    np.testing.assert_array_equal(got[:, :5], align(values, wells, "pca-center-scale@5"))


def test_prescale_scales_on_all_controls_first():
    values, wells = screen()
    control = (wells["control"] == "negative").to_numpy()
    scaled = StandardScaler().fit(values[control]).transform(values)
    expected = naive_center_scale(PCA().fit(scaled[control]).transform(scaled), wells)
    assert np.abs(cosines(align(values, wells, prescale=True)) - cosines(expected)).max() < 1e-8


def test_center_scale_equals_scikit_learn():
    values, wells = screen()
    np.testing.assert_allclose(align(values, wells, "center-scale"), naive_center_scale(values, wells), atol=1e-10)


def test_none_changes_nothing():
    values, wells = screen(n=20)
    np.testing.assert_array_equal(align(values, wells, "none"), values)


def test_sphering_whitens_the_controls():
    values, wells = screen(n=3000)
    control = (wells["control"] == "negative").to_numpy()
    got = align(values, wells, "sphering", sphering_epsilon=0.0)[control]
    np.testing.assert_allclose(got.T @ got / len(got), np.eye(values.shape[1]), atol=1e-8)
    for e in wells["experiment"].unique():
        np.testing.assert_allclose(got[(wells["experiment"][control] == e).to_numpy()].mean(axis=0), 0, atol=1e-10)


def test_sphering_does_not_blow_up_empty_directions():
    values, wells = screen()
    values[:, -1] = values[:, 0]  # one direction without variation
    assert np.abs(align(values, wells, "sphering")).max() < 100


def test_tvn_coral_equals_the_published_code():
    """`tvn_on_controls` of efaar-benchmarking 1.0, written out here, since importing it loads all of scvi-tools."""
    values, wells = screen()
    control = (wells["control"] == "negative").to_numpy()
    scaled = StandardScaler().fit(values[control]).transform(values)
    projected = PCA().fit(scaled[control]).transform(scaled)
    expected = StandardScaler().fit(projected[control]).transform(projected)
    for e in wells["experiment"].unique():
        here = (wells["experiment"] == e).to_numpy()
        source = np.cov(expected[here & control], rowvar=False, ddof=1) + 0.5 * np.eye(values.shape[1])
        expected[here] = expected[here] @ linalg.fractional_matrix_power(source, -0.5)
    assert np.abs(cosines(align(values, wells, "tvn-coral")) - cosines(expected)).max() < 1e-8


def test_harmony_brings_experiments_together():
    _, wells = screen(n=900)
    batch = wells["experiment"].str[1:].astype(int).to_numpy()
    values = np.random.default_rng(2).normal(size=(900, 12))
    values[:, 0] += 1.5 * batch

    def spread(x):
        return pd.DataFrame(x).groupby(batch).mean().var().sum()

    got = align(values, wells, "harmony@6")
    assert got.shape == (900, 6)
    assert spread(got) < 0.3 * spread(values)


@pytest.mark.parametrize("method", METHODS)
def test_order_of_rows_does_not_change_a_digit(method):
    values, wells = screen(n=300, features=8)
    order = np.random.default_rng(1).permutation(len(wells))
    shuffled = align(values[order], wells.iloc[order], method)
    np.testing.assert_array_equal(shuffled, align(values, wells, method)[order])


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), features=st.integers(1, 40), method=st.sampled_from(METHODS[:5]))
def test_any_shape_gives_finite_values_whatever_the_order(seed, features, method):
    """Also with fewer controls than features, where a PCA has empty directions."""
    values, wells = screen(n=60, features=features, experiments=2, share=0.5, seed=seed)
    got = align(values, wells, method)
    order = np.random.default_rng(seed).permutation(len(wells))
    assert np.isfinite(got).all()
    np.testing.assert_array_equal(align(values[order], wells.iloc[order], method), got[order])


def test_names_of_experiments_do_not_matter():
    values, wells = screen()
    renamed = wells.assign(experiment=wells["experiment"].map({"e0": "z", "e1": "a", "e2": "m"}))
    assert np.abs(cosines(align(values, renamed)) - cosines(align(values, wells))).max() < 1e-9


def test_directions_without_variation_are_left_out():
    """30 controls span 29 directions; scaling the 30th would turn rounding into a feature."""
    values, wells = screen(n=40, features=64, experiments=1, share=0)
    wells.loc[:29, "control"] = "negative"
    got = align(values, wells)
    assert got.shape[1] == 29
    np.testing.assert_allclose(got[:30].std(axis=0), 1, atol=1e-8)


def test_constant_feature_is_centred_not_scaled():
    values, wells = screen(n=60)
    values[:, 3] = 7.1
    got = align(values, wells, "center-scale")
    assert np.abs(got[:, 3]).max() < 1e-12


def test_controls_of_other_kinds_do_not_count():
    values, wells = screen()
    other = wells["control"].isna().to_numpy() & (np.arange(len(wells)) % 2 == 0)
    moved = values + other[:, None] * 1000.0
    wells = wells.assign(control=wells["control"].mask(other, "other"))
    keep = ~other
    np.testing.assert_array_equal(align(moved, wells)[keep], align(values, wells)[keep])


def test_one_control_is_an_error_that_names_the_experiment():
    values, wells = screen()
    first = wells.index[(wells["experiment"] == "e1") & (wells["control"] == "negative")]
    wells.loc[first[1:], "control"] = None
    with pytest.raises(InputError, match=r"experiment e1: 1 negative controls .* needs 2"):
        align(values, wells)
    assert align(values, wells, "none").shape == values.shape


def test_few_controls_are_a_warning(caplog):
    values, wells = screen(n=60)
    with caplog.at_level(logging.WARNING):
        align(values, wells)
    assert "3 of 3 experiments have fewer than 32 negative controls" in caplog.text


@pytest.mark.parametrize("name", ["pcaa", "pca-center-scale@", "pca-center-scale@0", "pca-center-scale@x"])
def test_unknown_method(name):
    with pytest.raises(InputError, match=r"is not known|is no number of components"):
        align(*screen(n=20), name)


@pytest.mark.parametrize("method", ["none", "center-scale", "sphering"])
def test_components_of_a_method_that_has_none_are_refused(method):
    with pytest.raises(InputError, match=rf"alignment '{method}@5': {method} has no components; leave out @5"):
        align(*screen(n=20), f"{method}@5")


def test_embeddings_must_fit_the_wells():
    values, wells = screen(n=20)
    with pytest.raises(InputError, match="19 embeddings for 20 wells"):
        align(values[1:], wells)


def test_holdout_report_equals_a_fit_on_half():
    values, wells = screen(n=3000, features=5)
    report = control_holdout_report(values, wells)
    assert list(report["experiment"]) == ["e0", "e1", "e2"]
    counts = wells[wells["control"] == "negative"].groupby("experiment").size().to_numpy()
    np.testing.assert_array_equal(report["n_fit"] + report["n_held_out"], counts)
    assert (np.abs(report["n_fit"] - report["n_held_out"]) <= 1).all()
    expected = np.sqrt(1 / report["n_fit"] + 1 / report["n_held_out"])
    assert (report["mean"] < 3 * expected).all()
    assert (np.abs(report["std"] - 1) < 0.15).all()
    order = np.random.default_rng(3).permutation(len(wells))
    pd.testing.assert_frame_equal(control_holdout_report(values[order], wells.iloc[order]), report)


def test_holdout_sees_what_an_overfitted_alignment_hides():
    """With as many features as controls the fitted half looks perfect and the other half does not."""
    values, wells = screen(n=240, features=60, experiments=2, share=0.5)
    assert (control_holdout_report(values, wells)["std"] > 1.3).all()


def test_holdout_needs_controls_for_both_halves():
    values, wells = screen()
    few = wells.index[(wells["experiment"] == "e2") & (wells["control"] == "negative")][3:]
    wells.loc[few, "control"] = None
    with pytest.raises(InputError, match="experiment e2: 3 negative controls; a hold-out of half of them needs 4"):
        control_holdout_report(values, wells)


def with_controls(wells, experiment, n):
    """`wells` with the first n controls of an experiment alone."""
    some = wells.index[(wells["experiment"] == experiment) & (wells["control"] == "negative")][n:]
    return wells.assign(control=wells["control"].where(~wells.index.isin(some), None))


@pytest.mark.parametrize("method", [m for m in METHODS if m != "none"])
def test_controls_that_do_not_vary_are_refused(method):
    values, wells = screen()
    same = (wells["control"] == "negative") & (wells["experiment"] == "e1")
    values[same] = 5.0
    with pytest.raises(InputError, match=r"experiment e1: its \d+ negative controls all have the same vector \(1 of 3"):
        align(values, wells, method)
    assert align(values, wells, "none").shape == values.shape


def test_two_controls_borrow_the_deviation_of_all_experiments():
    values, wells = screen(n=900)
    few = with_controls(wells, "e1", 2)
    here = (wells["experiment"] == "e1").to_numpy()
    control = (wells["control"] == "negative").to_numpy()
    with collected() as said:
        got = align(values, few, "center-scale")
    own = values[(few["control"] == "negative").to_numpy() & here]
    parts = [values[(few["control"] == "negative").to_numpy() & (wells["experiment"] == e)] for e in ("e0", "e1", "e2")]
    within = sum(len(p) * p.var(axis=0) for p in parts) / sum(len(p) - 1 for p in parts)
    expected = (values[here] - own.mean(axis=0)) / np.sqrt(0.25 * own.var(axis=0) + 0.75 * within)
    np.testing.assert_allclose(got[here], expected, rtol=1e-12)
    np.testing.assert_array_equal(got[~here], align(values, wells, "center-scale")[~here])
    assert any("experiment e1 has 2 negative controls (1 of 3 experiments have fewer than 8)" in line for line in said)
    alone = align(values, few, "center-scale", pool_deviation_below=0)[here]
    spread = values[here & control].std(axis=0)  # what all controls of the experiment know of it
    error = lambda x: np.abs(np.log(values[here].std(axis=0) / x[:].std(axis=0) / spread)).max()  # noqa: E731
    assert error(got[here]) < 0.5 * error(alone)


def test_eight_controls_stand_on_their_own():
    values, wells = screen(n=900)
    few = with_controls(wells, "e1", 8)
    np.testing.assert_array_equal(align(values, few), align(values, few, pool_deviation_below=0))


@pytest.mark.parametrize("method, kept", [("pca-center-scale", 11), ("tvn-coral", 11), ("sphering", 24)])
def test_dimensions_lost_to_few_controls_are_said(method, kept):
    values, wells = screen()
    for e in ("e0", "e1", "e2"):
        wells = with_controls(wells, e, 4)
    with collected() as said:
        assert align(values, wells, method).shape[1] == kept
    wanted = (
        "sphering: 12 negative controls of 3 experiments vary in at most 9 of 24 dimensions"
        if method == "sphering"
        else f"{method} keeps 11 of 24 dimensions: 12 negative controls"
    )
    assert any(line.startswith(wanted) for line in said)
    with collected() as quiet:
        align(values, wells, method, say=False)
    assert quiet == []


def test_sphering_without_epsilon_is_refused_where_it_divides_by_nothing():
    values, wells = screen()
    values[:, -1] = values[:, 0]
    with pytest.raises(InputError, match=r"sphering_epsilon: 0 with controls that vary in 23 of 24 dimensions"):
        align(values, wells, "sphering", sphering_epsilon=0.0)


def test_features_that_do_not_vary_among_controls_are_counted():
    values, wells = screen()
    values[(wells["control"] == "negative") & (wells["experiment"] == "e0"), 3] = 1.0
    with collected() as said:
        align(values, wells, "center-scale")
    assert "1 of 24 features do not vary among the negative controls of 1 of 3 experiments" in said
