"""Nearest rows: those that scikit-learn finds, for tables of one block and of several."""

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from cwamsn.benchmarks import neighbours
from cwamsn.benchmarks.neighbours import nearest_rows


@pytest.mark.parametrize("n, k, block", [(50, 5, 4096), (700, 20, 64), (701, 3, 100), (10, 9, 4)])
def test_they_are_those_of_a_brute_search(n, k, block, monkeypatch):
    monkeypatch.setattr(neighbours, "_BLOCK", block)
    x = np.random.default_rng(n).normal(size=(n, 12)).astype(np.float32)
    x[:5] *= 30  # rows of other lengths
    search = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(x.astype(np.float64))
    np.testing.assert_array_equal(nearest_rows(x, k), search.kneighbors(return_distance=False))


def test_equal_rows_come_in_the_order_of_the_table(monkeypatch):
    monkeypatch.setattr(neighbours, "_BLOCK", 16)
    x = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)
    x[[7, 31, 50]] = x[2]
    found = nearest_rows(x, 4)
    assert found[2][:3].tolist() == [7, 31, 50]
    assert found[31][:3].tolist() == [2, 7, 50]


def test_threads_and_blocks_change_nothing(monkeypatch):
    x = np.random.default_rng(1).normal(size=(900, 32)).astype(np.float32)
    first = nearest_rows(x, 10)
    monkeypatch.setattr(neighbours, "_BLOCK", 128)
    np.testing.assert_array_equal(first, nearest_rows(x, 10, threads=2))


def test_more_neighbours_than_rows_are_refused():
    with pytest.raises(ValueError, match="10 nearest of 9 other rows"):
        nearest_rows(np.zeros((10, 2)), 10)
