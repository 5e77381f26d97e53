"""Intervals cover what they say when whole genes vary; resampling pairs as if they were independent is too narrow."""

import numpy as np
import pandas as pd
import pytest

from cwamsn.benchmarks.bootstrap import (
    cluster_counts,
    interval,
    pair_weights,
    recall_resamples,
    resample_counts,
    weighted_means,
)


def gene_driven_hits(rng, n_genes=80):
    """Pairs that share genes, recalled when their genes are good: what a real map looks like."""
    genes = [f"g{i}" for i in range(n_genes)]
    first, second = np.triu_indices(n_genes, 1)
    chosen = rng.choice(len(first), 400, replace=False)
    pairs = pd.DataFrame({"entity1": np.array(genes)[first[chosen]], "entity2": np.array(genes)[second[chosen]]})
    good = rng.random(n_genes) < 0.5
    return genes, pairs, (good[first[chosen]] & good[second[chosen]])


def test_pair_weights_are_products_of_gene_counts():
    genes, counts = ["A", "B", "C"], np.array([[2, 0, 1], [1, 1, 1]])
    pairs = pd.DataFrame({"entity1": ["A", "A", "B"], "entity2": ["B", "C", "C"]})
    assert pair_weights(pairs, genes, counts).tolist() == [[0, 2, 0], [1, 1, 1]]


def test_weighted_means_of_resamples_equal_a_loop():
    rng = np.random.default_rng(0)
    genes, pairs, hits = gene_driven_hits(rng)
    counts = resample_counts(len(genes), 20, seed=5)
    assert (counts.sum(axis=1) == len(genes)).all()
    found = recall_resamples(pairs, hits, genes, resamples=20, seed=5)
    index = {g: i for i, g in enumerate(genes)}
    for b in range(20):
        weights = [counts[b, index[p.entity1]] * counts[b, index[p.entity2]] for p in pairs.itertuples()]
        assert found[b] == pytest.approx(np.average(hits, weights=weights), abs=1e-12)
    assert np.isnan(weighted_means(np.ones(2), np.zeros((1, 2)))).all()


def test_resampling_pairs_is_far_too_narrow():
    """The spread of the recall over independent sets of genes is what an interval has to state.

    Resampling pairs states less than half of it; resampling genes states it within a fifth.
    """
    rng = np.random.default_rng(1)
    draws = [gene_driven_hits(rng) for _ in range(200)]
    truth = np.std([hits.mean() for _, _, hits in draws])
    by_gene = np.mean([np.std(recall_resamples(p, h, g, 200, 0)) for g, p, h in draws[:40]])
    by_pair = np.mean([np.std(weighted_means(h, resample_counts(len(h), 200, 0))) for _, _, h in draws[:40]])
    assert by_pair < 0.5 * truth
    assert by_gene == pytest.approx(truth, rel=0.2)


def test_two_rows_are_compared_on_the_same_resamples():
    """Two rows with nearly the same hits differ surely although each interval is wide."""
    rng = np.random.default_rng(2)
    genes, pairs, hits = gene_driven_hits(rng)
    better = hits | (rng.random(len(hits)) < 0.1)
    one, two = (recall_resamples(pairs, h, genes, 500, 7) for h in (hits, better))
    low, high = interval(two - one)
    assert low > 0 and high - low < np.diff(interval(one))[0] / 2


def test_clusters_are_resampled_whole():
    counts = cluster_counts(["a", "a", "b", "c", "c", "c"], 50, 0)
    assert (counts[:, 0] == counts[:, 1]).all() and (counts[:, 3] == counts[:, 5]).all()
    assert (counts[:, [0, 2, 3]].sum(axis=1) == 3).all()


def test_interval_of_nothing_is_nothing():
    assert np.isnan(interval(np.array([np.nan]))).all()
    assert interval(np.arange(101.0)) == pytest.approx((2.5, 97.5))
