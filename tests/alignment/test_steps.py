"""Normalisations as steps: MorphoHELM's main profile, pycytominer's definitions, and what each is for."""

import json

import numpy as np
import pandas as pd
import pytest

from cwamsn.alignment import align
from cwamsn.alignment.options import AlignOptions
from cwamsn.alignment.steps import selected_features
from cwamsn.alignment_names import RECIPES, Step, check_recipes, parse_step, steps_of
from cwamsn.errors import InputError
from cwamsn.notes import collected


def plates(n_plates=4, per=24, d=6, seed=0):
    """Wells of several plates, a third of them controls, each plate with an offset and scale of its own."""
    rng = np.random.default_rng(seed)
    n = n_plates * per
    plate = np.repeat([f"p{i}" for i in range(n_plates)], per)
    wells = pd.DataFrame(
        {
            "well_id": [f"{p}_{i:02d}" for p, i in zip(plate, np.tile(np.arange(per), n_plates))],
            "experiment": np.where(plate < "p2", "e1", "e2"),
            "plate": plate,
            "address": np.tile([f"A{i + 1:02d}" for i in range(per)], n_plates),
            "perturbation": [f"c{i}" for i in np.tile(np.arange(per), n_plates)],
            "control": np.where(np.tile(np.arange(per), n_plates) < per // 3, "negative", None),
            "cell_count": rng.integers(20, 90, n),
        }
    )
    scale = np.repeat(rng.uniform(0.5, 3, (n_plates, d)), per, axis=0)
    return rng.normal(size=(n, d)) * scale + np.repeat(rng.normal(size=(n_plates, d)), per, axis=0), wells


# MorphoHELM -----------------------------------------------------------------------------------------------------------


def same_but_for_signs(found, expected, tolerance):
    signs = np.sign((found * expected).sum(axis=0))
    np.testing.assert_allclose(found * signs, expected, atol=tolerance)


def test_the_recipe_morphohelm_is_its_main_profile(golden):
    """Within the tolerance of its float32: 2e-3."""
    folder = golden / "morphohelm" / "golden"
    raw = pd.read_parquet(folder / "wells_raw.parquet")
    expected = pd.read_parquet(folder / "wells_normalized_expected.parquet")
    keys = ["Metadata_Plate", "Metadata_Well"]
    values = raw[[c for c in raw if not c.startswith("Metadata_")]].to_numpy(dtype=np.float64)
    wells = pd.DataFrame(
        {
            "well_id": raw[keys[0]].astype(str) + "_" + raw[keys[1]],
            "experiment": raw["Metadata_Batch"],
            "plate": raw[keys[0]].astype(str),
            "control": np.where(raw["Metadata_JCP2022"] == "JCP2022_033924", "negative", None),
        }
    )
    # missing and infinite values are 0 there, before scaling
    found = align(np.nan_to_num(values, posinf=0, neginf=0), wells, "morphohelm")
    assert (raw[keys].astype(str) == expected[keys].astype(str)).all(axis=None)
    same_but_for_signs(found, expected[[f"PC_{i}" for i in range(64)]].to_numpy(), 2e-3)


@pytest.mark.parametrize(
    "recipe, key",
    [
        (["standardize+plate+all", "pca@4", "mad-robustize+plate+controls+keep"], "csall_pca4_mad"),
        (["standardize+plate+all", "mad-robustize+plate+controls+keep"], "csall_nopca_mad"),
        (["pca@4", "mad-robustize+plate+controls+keep"], "nocs_pca4_mad"),
    ],
)
def test_its_other_profiles_are_recipes_too(golden, recipe, key):
    """A plate with four controls stays as the step before left it."""
    case = json.loads((golden / "morphohelm" / "golden" / "edge_cases.json").read_text())["norm_small"]
    values = np.nan_to_num(np.array(case["input"], dtype=np.float64))
    wells = pd.DataFrame(
        {
            "well_id": [f"w{i:02d}" for i in range(len(values))],
            "experiment": "e",
            "plate": case["plate"],
            "control": ["negative" if c else None for c in case["control"]],
        }
    )
    with collected() as lines:
        found = align(values, wells, "own", AlignOptions(recipes={"own": recipe}))
    assert lines == ["mad-robustize: 1 plates have fewer than 5 wells to fit on and stay as they are"]
    same_but_for_signs(found, np.array(case[key]), 2e-3)


# pycytominer ----------------------------------------------------------------------------------------------------------


def test_features_are_selected_as_pycytominer_selects_them():
    cytominer = pytest.importorskip("pycytominer")
    rng = np.random.default_rng(3)
    base = rng.normal(size=(200, 12))
    copies = base[:, rng.integers(0, 12, 25)] + rng.choice([0.05, 0.3, 2.0], 25) * rng.normal(size=(200, 25))
    values = np.hstack([base, copies, np.full((200, 2), 3.0), -base[:, :2]])
    names = [f"f{i}" for i in range(values.shape[1])]
    frame = pd.DataFrame(values, columns=names)
    kept = cytominer.feature_select(frame, names, operation=["variance_threshold", "correlation_threshold"])
    assert [names[i] for i in selected_features(values)] == list(kept.columns)
    assert 8 < len(kept.columns) < len(names)


def test_mad_robustize_and_standardize_are_pycytominers():
    cytominer = pytest.importorskip("pycytominer")
    values, wells = plates()
    names = [f"f{i}" for i in range(values.shape[1])]
    frame = pd.concat([pd.DataFrame(values, columns=names), wells.add_prefix("Metadata_")], axis=1)
    for step, method, samples in (
        ("mad-robustize+plate+controls", "mad_robustize", "Metadata_control == 'negative'"),
        ("standardize+plate+all", "standardize", "all"),
    ):
        parts = [
            cytominer.normalize(part, names, samples=samples, method=method)[names].to_numpy()
            for _, part in frame.groupby("Metadata_plate")
        ]
        np.testing.assert_allclose(align(values, wells, step), np.concatenate(parts), rtol=1e-9, atol=1e-9)


# What each step does --------------------------------------------------------------------------------------------------


def test_steps_of_plates_and_of_experiments_fit_their_own_wells():
    values, wells = plates()
    found = align(values, wells, "standardize+experiment+controls")
    negative = (wells["control"] == "negative").to_numpy()
    for name in ("e1", "e2"):
        fitted = found[negative & (wells["experiment"] == name).to_numpy()]
        np.testing.assert_allclose(fitted.mean(axis=0), 0, atol=1e-12)
        np.testing.assert_allclose(fitted.std(axis=0), 1)
    whole = align(values, wells, "standardize+screen+all")
    np.testing.assert_allclose(whole.std(axis=0), 1)


def test_plates_of_one_barcode_in_two_experiments_are_two_plates():
    values, wells = plates(n_plates=2)
    wells["plate"] = "p"
    wells["experiment"] = np.where(wells["well_id"].str.startswith("p0"), "e1", "e2")
    found = align(values, wells, "standardize")
    for name in ("e1", "e2"):
        np.testing.assert_allclose(found[(wells["experiment"] == name).to_numpy()].mean(axis=0), 0, atol=1e-12)


def test_rank_int_gives_normal_scores_of_ranks():
    values, wells = plates()
    found = align(values, wells, "rank-int")
    assert (found.argsort(axis=0) == values.argsort(axis=0)).all()
    assert abs(found.mean()) < 1e-12 and found.std() == pytest.approx(1, abs=0.03)
    again = align(np.exp(values), wells, "rank-int")
    np.testing.assert_array_equal(found, again)


def test_a_position_effect_is_subtracted_and_the_wells_of_fixed_positions_are_counted():
    values, wells = plates(n_plates=8)
    rng = np.random.default_rng(5)
    effect = {a: rng.normal(size=values.shape[1]) * 5 for a in wells["address"].unique()}
    shifted = values + np.stack([effect[a] for a in wells["address"]])
    with collected() as lines:
        found = align(shifted, wells, "well-position")
    clean = align(values, wells, "well-position", say=False)
    np.testing.assert_allclose(found - found.mean(axis=0), clean - clean.mean(axis=0), atol=1e-9)
    np.testing.assert_allclose(found.mean(axis=0), shifted.mean(axis=0))
    assert lines == [
        "well-position: 16 of 16 perturbations have all their replicates at one position, whose mean holds their own "
        "effect: part of it is subtracted"
    ]


def test_what_a_line_in_the_cell_count_explains_is_subtracted():
    values, wells = plates()
    slopes = np.arange(1, values.shape[1] + 1) / 10
    found = align(values + np.outer(wells["cell_count"], slopes), wells, "regress-cell-count")
    for _, rows in wells.groupby("plate").indices.items():
        counts = wells["cell_count"].to_numpy()[rows]
        assert np.abs((counts - counts.mean()) @ found[rows]).max() < 1e-8


@pytest.mark.parametrize("name", [*RECIPES, "rank-int", "pca@3", "select-features", "standardize+plate+controls"])
def test_row_order_does_not_change_a_digit(name):
    values, wells = plates()
    order = np.random.default_rng(0).permutation(len(wells))
    first = align(values, wells, name, say=False)
    other = align(values[order], wells.iloc[order].reset_index(drop=True), name, say=False)
    np.testing.assert_array_equal(first[order], other)


def test_steps_may_be_mixed_with_alignments_on_controls():
    values, wells = plates()
    options = AlignOptions(recipes={"own": ["rank-int", "center-scale"]})
    ranks = align(values, wells, "rank-int")
    np.testing.assert_array_equal(align(values, wells, "own", options), align(ranks, wells, "center-scale"))


# Names ----------------------------------------------------------------------------------------------------------------


def test_a_step_takes_its_modifiers_in_any_order():
    assert parse_step("pca+controls@64") == Step("pca", "screen", "controls", 64)
    assert parse_step("mad-robustize+keep+experiment") == Step("mad-robustize", "experiment", "controls", keep=True)
    assert steps_of("harmony@8") == [Step("harmony", components=8)]
    assert [step.name for step in steps_of("morphohelm")] == ["standardize", "pca", "mad-robustize"]


@pytest.mark.parametrize(
    "name, message",
    [
        ("madrobustize", "alignment 'madrobustize' is not known"),
        ("standardize+plates", r"\+plates is not known; known: plate, experiment, screen, all, controls, keep"),
        ("sphering+plate", r"sphering is fitted on the controls of each experiment; leave out \+"),
        ("standardize@3", "standardize has no components; leave out @3"),
        ("pca@0", "@0 is no number of components"),
    ],
)
def test_an_unknown_name_is_refused(name, message):
    with pytest.raises(InputError, match=message):
        steps_of(name)


@pytest.mark.parametrize(
    "recipes, message",
    [
        ({"morphohelm": ["pca"]}, "is the name of an alignment already"),
        ({"own": []}, "alignment.recipes.own: has no step"),
        ({"own": ["morphohelm"]}, "morphohelm is a recipe; list its steps"),
        ({"own": ["pcaa"]}, "alignment 'pcaa' is not known"),
    ],
)
def test_a_recipe_that_cannot_be_used_is_refused(recipes, message):
    with pytest.raises(InputError, match=message):
        check_recipes(recipes)


@pytest.mark.parametrize(
    "name, change, message",
    [
        ("mad-robustize", {"control": None}, "plate p0/|plate e1/p0 has 0 negative controls, 5 are needed"),
        ("regress-cell-count", {"cell_count": np.nan}, "the wells have no cell_count"),
        ("well-position+plate", {}, "a plate has one well at each position"),
        ("pca+plate", {}, "axes of each plate are not comparable"),
        ("select-features+plate", {}, "a plate cannot have features of its own"),
        ("rank-int+controls", {}, "ranks are of all wells"),
    ],
)
def test_what_a_step_cannot_do_is_refused(name, change, message):
    values, wells = plates()
    with pytest.raises(InputError, match=message):
        align(values, wells.assign(**change), name)


def test_wells_without_a_cell_count_are_counted():
    values, wells = plates()
    wells["cell_count"] = wells["cell_count"].where(wells.index != 3)
    with pytest.raises(InputError, match=r"1 of \d+ wells have no cell_count \(first: p0_03\)"):
        align(values, wells, "regress-cell-count")


def test_a_feature_that_does_not_vary_is_centred_only():
    values, wells = plates()
    values[:, 2] = 7.0
    with collected() as lines:
        found = align(values, wells, "mad-robustize")
    assert (found[:, 2] == 0).all() and np.isfinite(found).all()
    assert lines == ["mad-robustize: 1 of 6 features do not vary in a plate; centred only"]
