"""Bootstrap intervals that respect what is independent: genes for recalls, targets for compounds.

Two methods are compared on the same resamples: give both the counts that one call drew.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cwamsn.options import Options


@dataclass(frozen=True, kw_only=True)
class BootstrapOptions(Options):
    """The section `bootstrap` of the configuration."""

    resamples: int = 1000
    level: float = 0.95
    """Coverage of an interval."""
    seed: int = 0
    """The same for every method, so that methods are compared on the same resamples."""


def resample_counts(n: int, resamples: int, seed: int) -> np.ndarray:
    """How often each bootstrap resample contains each of `n` units: (resamples, n) integers, rows sum to n."""
    rng = np.random.default_rng(seed)
    return rng.multinomial(n, np.full(n, 1 / n), size=resamples)


def pair_weights(pairs: pd.DataFrame, genes: Sequence[str], counts: np.ndarray) -> np.ndarray:
    """Weight of each pair in each resample of genes, the product of its genes' counts: (resamples, pairs).

    Pairs share genes, so that resampling pairs as if they were independent gives intervals that are far too narrow.
    """
    index = pd.Series(np.arange(len(genes)), index=list(genes))
    first, second = index[pairs["entity1"]].to_numpy(), index[pairs["entity2"]].to_numpy()
    return counts[:, first] * counts[:, second]


def weighted_means(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Mean of `values` (n,) under each row of `weights` (resamples, n); NaN where all weights are 0."""
    total = weights.sum(axis=1)
    sums = (weights * values[None, :]).sum(axis=1)
    return np.divide(sums, total, out=np.full(len(weights), np.nan), where=total > 0)


def interval(samples: np.ndarray, level: float = 0.95) -> tuple[float, float]:
    """Percentile interval of bootstrap `samples`, NaN left out; (NaN, NaN) where nothing is left."""
    samples = samples[~np.isnan(samples)]
    if not len(samples):
        return float("nan"), float("nan")
    low, high = np.quantile(samples, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def recall_resamples(
    pairs: pd.DataFrame, hits: np.ndarray, genes: Sequence[str], resamples: int = 1000, seed: int = 0
) -> np.ndarray:
    """Recall in each bootstrap resample of `genes`, null ranks held fixed: (resamples,).

    The same genes and seed give the same resamples, so that the values of two methods are paired.
    """
    return recalls_resamples(pairs, [hits], genes, resamples, seed)[0]


def recalls_resamples(
    pairs: pd.DataFrame, hits: Sequence[np.ndarray], genes: Sequence[str], resamples: int = 1000, seed: int = 0
) -> list[np.ndarray]:
    """:func:`recall_resamples` of several recalls of the same pairs, drawn once."""
    counts = resample_counts(len(genes), resamples, seed)
    values = [np.asarray(one, dtype=np.float64) for one in hits]
    found: list[list[np.ndarray]] = [[] for _ in values]
    for part in np.array_split(counts, max(1, resamples // 50)):  # pairs x resamples would take hundreds of megabytes
        weights = pair_weights(pairs, genes, part)
        for samples, one in zip(found, values):
            samples.append(weighted_means(one, weights))
    return [np.concatenate(samples) for samples in found]


def cluster_counts(clusters: Sequence[str], resamples: int, seed: int) -> np.ndarray:
    """How often each resample of whole clusters contains each unit: (resamples, units)."""
    names, member = np.unique(np.asarray(clusters, dtype=str), return_inverse=True)
    return resample_counts(len(names), resamples, seed)[:, member]
