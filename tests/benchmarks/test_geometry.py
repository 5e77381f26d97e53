"""Geometry of embeddings: known spectra, naive versions, and twins."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from cwamsn.alignment import AlignOptions
from cwamsn.benchmarks.geometry import (
    GeometryOptions,
    describe,
    distance_correlation,
    mean_cosine,
    principal_variances,
    score,
)
from cwamsn.errors import InputError
from cwamsn.notes import collected

NONE = AlignOptions(method="none")


def wells(n):
    return pd.DataFrame({"well_id": [f"w{i:04d}" for i in np.random.default_rng(n).permutation(n)]})


def values(x):
    table = describe(x, wells(len(x)))
    assert set(table["n"]) == {len(x)}
    return dict(zip(table["metric"], table["value"]))


def embeddings(x, ids):
    return pd.DataFrame(x).add_prefix("feature_").assign(well_id=list(ids))


def test_equal_variances_have_the_rank_of_their_number():
    axes = np.vstack([np.eye(6), -np.eye(6)]) + 3.0
    found = values(axes)
    assert found["dimensions"] == 6
    assert found["effective_rank"] == pytest.approx(6) and found["participation_ratio"] == pytest.approx(6)
    assert found["share_of_first_component"] == pytest.approx(1 / 6)


@pytest.mark.parametrize("shape", [(400, 20), (15, 40)])
def test_they_are_those_of_the_singular_values(shape):
    x = np.random.default_rng(0).normal(size=shape) * np.linspace(0.2, 3, shape[1]) + 1
    singular = np.linalg.svd(x - x.mean(axis=0), compute_uv=False)
    singular = singular[singular > 1e-9]
    shares, variances = singular / singular.sum(), singular**2 / (singular**2).sum()
    found = values(x)
    assert found["effective_rank"] == pytest.approx(np.exp(-(shares * np.log(shares)).sum()), rel=1e-9)
    assert found["participation_ratio"] == pytest.approx(1 / (variances**2).sum(), rel=1e-9)
    assert found["share_of_first_component"] == pytest.approx(variances[0], rel=1e-9)


def test_the_mean_cosine_is_that_of_all_pairs():
    x = np.random.default_rng(1).normal(size=(40, 5)) + 0.5
    x[3] = 0
    unit = x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-30)
    pairs = unit @ unit.T
    assert mean_cosine(x) == pytest.approx(pairs[~np.eye(40, dtype=bool)].mean(), abs=1e-12)


def test_neither_order_of_wells_nor_blocks_change_a_digit(monkeypatch):
    x = np.random.default_rng(2).normal(size=(300, 8)).astype(np.float32)
    table, order = wells(300), np.random.default_rng(3).permutation(300)
    first, second = describe(x, table), describe(x[order], table.iloc[order])
    pd.testing.assert_frame_equal(first, second, check_exact=True)
    monkeypatch.setattr("cwamsn.benchmarks.geometry._BLOCK", 64)
    np.testing.assert_allclose(principal_variances(x)[::-1][:3], principal_variances(x.astype(float))[::-1][:3])


@pytest.mark.parametrize("value", [0.0, 0.1, 1e4])
def test_a_collapsed_embedding_says_so(value):
    with collected() as lines:
        found = values(np.full((50, 7), value, dtype=np.float32))
    assert found["effective_rank"] == 0 and "share_of_first_component" not in found
    assert len(lines) == 1 and "collapsed" in lines[0]


def test_distances_are_compared_by_their_ranks():
    rng = np.random.default_rng(4)
    x, y = rng.normal(size=(30, 4)), rng.normal(size=(30, 9))
    upper = np.triu_indices(30, 1)
    distances = [np.linalg.norm(a[:, None] - a[None], axis=2)[upper] for a in (x, y)]
    assert distance_correlation(x, y) == pytest.approx(spearmanr(*distances).statistic, abs=1e-12)
    assert distance_correlation(x, 5 * x + 2) == pytest.approx(1)
    assert np.isnan(distance_correlation(x, np.zeros((30, 2))))


def test_a_twin_of_some_wells_in_another_order_is_matched_by_id():
    table, x = wells(200), np.random.default_rng(5).normal(size=(200, 6))
    order = np.random.default_rng(6).permutation(200)[:120]
    twin = embeddings(2 * x[order], table["well_id"].iloc[order])
    found = score(x, table, GeometryOptions(embeddings=["raw"], max_wells=50), NONE, twin=twin).scores(
        run="r", screen="s", method="m", seed=0, benchmark="geometry", null=None
    )
    own = found.set_index("metric").loc["twin_distance_correlation"]
    assert own["value"] == pytest.approx(1) and own["n"] == 50 and own["alignment"] == "none"
    assert set(found["source"]) == {"wells"}


def test_a_twin_of_other_wells_is_refused():
    table, x = wells(20), np.zeros((20, 2)) + np.arange(20)[:, None]
    with pytest.raises(InputError, match="has 0 of the method's 20 wells, 10 are needed"):
        score(x, table, GeometryOptions(), NONE, twin=embeddings(x, [f"other{i}" for i in range(20)]))


def test_bad_options_and_single_wells_are_refused():
    with pytest.raises(InputError, match="'cooked' is not known; known: raw, aligned"):
        score(np.ones((3, 2)), wells(3), GeometryOptions(embeddings=["cooked"]), NONE)
    with pytest.raises(InputError, match="1 wells have an embedding; two are needed"):
        score(np.ones((1, 2)), wells(1), GeometryOptions(), NONE)
