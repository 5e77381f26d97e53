"""Classifiers that are exact and deterministic at full size (222,601 wells, 384 features, over 1,500 plates).

The linear one is a linear discriminant in closed form; the nearest neighbours come from one neighbour list that serves
every label and fold.
"""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial, reduce

import numpy as np
from scipy.sparse import csr_array
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import NearestNeighbors
from threadpoolctl import threadpool_limits

from cwamsn.benchmarks.neighbours import nearest_rows
from cwamsn.errors import InputError


class LinearProbe:
    """Linear discriminant analysis by sufficient statistics: fitting a fold costs one d x d solve.

    A pooled within-class covariance, shrunk towards a multiple of the identity by Ledoit and Wolf's formula; class
    frequencies as priors. Products run in blocks of rows on one BLAS thread each, so that `threads` changes no digit.
    """

    def __init__(self, features: np.ndarray, threads: int = 1, block: int = 4096):
        self.x = np.ascontiguousarray(features, dtype=np.float32)
        self.threads, self.block = threads, block

    def _blocks(self, rows: np.ndarray) -> Iterator[np.ndarray]:
        return (rows[i : i + self.block] for i in range(0, len(rows), self.block))

    def _map(self, function: Callable[[np.ndarray], np.ndarray], items: Iterable[np.ndarray]) -> list[np.ndarray]:
        with threadpool_limits(1, "blas"), ThreadPoolExecutor(self.threads) as pool:
            return list(pool.map(function, items))

    def gram(self, rows: np.ndarray) -> np.ndarray:
        """Sum over `rows` of x x^T, (d, d), in double precision."""

        def part(at: np.ndarray) -> np.ndarray:
            x = self.x[at].astype(np.float64)
            return x.T @ x

        total = np.zeros((self.x.shape[1], self.x.shape[1]))
        for piece in range(0, len(rows), self.block * 16):  # a few Gram matrices at a time, added in order
            for value in self._map(part, self._blocks(rows[piece : piece + self.block * 16])):
                total += value
        return total

    def predict(self, labels: np.ndarray, fold: np.ndarray) -> np.ndarray:
        """Predicted class (integers 0 .. C - 1, as in `labels`) of each well by the discriminant of the other folds.

        labels, fold : (n,) integers; wells with fold -1 take no part and get class -1.
        """
        out = np.full(len(labels), -1)
        rows = [np.flatnonzero(fold == f) for f in range(fold.max() + 1)]
        grams = [self.gram(r) for r in rows]
        for f, test in enumerate(rows):
            train = np.flatnonzero((fold >= 0) & (fold != f))
            weights, offsets = self._fit(labels, train, reduce(np.add, [g for i, g in enumerate(grams) if i != f]))
            parts = self._map(partial(self._decide, weights, offsets), self._blocks(test))
            out[test] = np.concatenate(parts)
        return out

    def _decide(self, weights: np.ndarray, offsets: np.ndarray, at: np.ndarray) -> np.ndarray:
        return (self.x[at] @ weights + offsets).argmax(axis=1)

    def _fit(self, labels: np.ndarray, train: np.ndarray, gram: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        n, d, y = len(train), self.x.shape[1], labels[train]
        counts = np.bincount(y, minlength=labels.max() + 1)
        one_hot = csr_array((np.ones(n), (y, np.arange(n))), shape=(len(counts), n))
        means = np.zeros((len(counts), d))
        fourth = 0.0
        for start in range(0, n, self.block):
            means += one_hot[:, start : start + self.block] @ self.x[train[start : start + self.block]].astype(
                np.float64
            )
        means /= np.maximum(counts, 1)[:, None]
        for at in self._blocks(train):
            residual = self.x[at] - means[labels[at]]
            fourth += float((np.einsum("ij,ij->i", residual, residual) ** 2).sum())
        with threadpool_limits(1, "blas"):
            within = (gram - (means * counts[:, None]).T @ means) / n
            shrinkage = ledoit_wolf(within, fourth, n)
            level = np.trace(within) / d
            covariance = (1 - shrinkage) * within + (shrinkage * level + 1e-9 * max(level, 1e-12)) * np.eye(d)
            weights = np.linalg.solve(covariance, means.T)
        with np.errstate(divide="ignore"):
            offsets = np.log(counts / n) - 0.5 * np.einsum("cd,dc->c", means, weights)
        return weights.astype(np.float32), offsets.astype(np.float32)


def ledoit_wolf(covariance: np.ndarray, fourth: float, n: int) -> float:
    """Shrinkage of an empirical covariance (d, d) of `n` centred rows; `fourth`: sum of their norms to the 4th.

    Ledoit and Wolf 2004, as in `sklearn.covariance.ledoit_wolf_shrinkage`.
    """
    d = len(covariance)
    square, level = float((covariance**2).sum()), np.trace(covariance) / d
    delta = (square - 2 * level * np.trace(covariance) + d * level**2) / d
    beta = min((fourth / n - square) / (d * n), delta)
    return float(np.clip(beta / delta, 0.0, 1.0)) if delta > 0 else 1.0


def logistic_predict(features: np.ndarray, labels: np.ndarray, fold: np.ndarray) -> np.ndarray:
    """As :meth:`LinearProbe.predict`, by multinomial logistic regression (scikit-learn, C = 1); for few classes."""
    out = np.full(len(labels), -1)
    for f in range(fold.max() + 1):
        train, test = (fold >= 0) & (fold != f), fold == f
        with threadpool_limits(1, "blas"):
            model = LogisticRegression(max_iter=1000).fit(features[train], labels[train])
            out[test] = model.predict(features[test])
    return out


class NeighbourProbe:
    """k nearest neighbours (Euclidean) by one list of the nearest wells of each well, cut to each fold's training part.

    The list holds many more than k neighbours; where too few of them are training wells, distances to all of those
    are computed, so that the result equals `sklearn.neighbors.KNeighborsClassifier` fitted on each fold.
    """

    def __init__(self, features: np.ndarray, k: int = 5, listed: int = 50, threads: int = 1):
        self.x, self.k, self.threads = np.ascontiguousarray(features, dtype=np.float32), k, threads
        listed = min(listed, len(self.x) - 1)
        self.lists = nearest_rows(self.x, listed, threads)

    def predict(self, labels: np.ndarray, fold: np.ndarray) -> np.ndarray:
        """Majority class of the k nearest wells of other folds, ties to the smaller class; -1 where fold is -1."""
        out = np.full(len(labels), -1)
        rows = np.flatnonzero(fold >= 0)
        usable = (fold[self.lists[rows]] >= 0) & (fold[self.lists[rows]] != fold[rows][:, None])
        rank = np.cumsum(usable, axis=1)
        enough = rank[:, -1] >= self.k
        nearest = np.empty((len(rows), self.k), dtype=np.int64)
        first = usable & (rank <= self.k)
        nearest[enough] = self.lists[rows][enough][first[enough]].reshape(-1, self.k)
        short = rows[~enough]
        for f in np.unique(fold[short]):
            train = np.flatnonzero((fold >= 0) & (fold != f))
            if len(train) < self.k:
                raise InputError(f"{len(train)} wells train a fold; {self.k} neighbours need as many")
            at = ~enough & (fold[rows] == f)
            with threadpool_limits(self.threads):
                search = NearestNeighbors(n_neighbors=self.k, algorithm="brute").fit(self.x[train])
                nearest[at] = train[search.kneighbors(self.x[rows[at]], return_distance=False)]
        out[rows] = majority(labels[nearest])
        return out


def majority(votes: np.ndarray) -> np.ndarray:
    """Most frequent value of each row of `votes` (n, k), the smallest of those that tie: (n,)."""
    votes = np.sort(votes, axis=1)
    counts = (votes[:, :, None] == votes[:, None, :]).sum(axis=2)
    return votes[np.arange(len(votes)), counts.argmax(axis=1)]
