"""PCA against a singular value decomposition; UMAP is seeded and keeps what is near."""

import numpy as np
import pytest

from cwamsn.atlas import pca_map, principal_components, umap_map


def test_principal_components_are_those_of_the_singular_value_decomposition():
    features = np.random.default_rng(0).normal(size=(300, 12)) @ np.diag(np.linspace(3, 0.5, 12)) + 5
    found, share = principal_components(features, 4)
    centred = features - features.mean(axis=0)
    left, values, _ = np.linalg.svd(centred, full_matrices=False)
    expected = left[:, :4] * values[:4]
    signs = np.sign((found * expected).sum(axis=0))
    np.testing.assert_allclose(found, expected * signs, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(share, (values**2 / (values**2).sum())[:4], rtol=1e-6)


def test_a_map_does_not_flip_with_the_order_of_rows_and_has_two_columns_always():
    features = np.random.default_rng(1).normal(size=(50, 5))
    order = np.random.default_rng(2).permutation(50)
    np.testing.assert_allclose(pca_map(features[order]), pca_map(features)[order], atol=1e-5)
    assert pca_map(features[:, :1]).shape == (50, 2) and not pca_map(features[:, :1])[:, 1].any()
    assert not pca_map(np.ones((4, 3))).any()


@pytest.mark.slow
def test_umap_is_seeded_and_keeps_groups_together():
    rng = np.random.default_rng(0)
    group = np.repeat(np.arange(4), 40)
    features = 6 * rng.normal(size=(4, 20))[group] + rng.normal(size=(160, 20))
    first, again = umap_map(features), umap_map(features)
    np.testing.assert_array_equal(first, again)
    assert not (first == umap_map(features, seed=1)).all()
    distance = np.linalg.norm(first[:, None] - first[None], axis=2) + np.diag(np.full(160, np.inf))
    assert (group[distance.argmin(axis=1)] == group).mean() > 0.95
    assert umap_map(features[:4]) is None
