"""Average precision of every query for every target that it has, and the mean of each target with its p-value."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.stats import false_discovery_control
from threadpoolctl import threadpool_limits

from cwamsn.benchmarks.matching.tasks import Profiles
from cwamsn.benchmarks.stringency.retrieval import average_precision, counts_above
from cwamsn.vectors import unit_rows

_BLOCK = 256  # queries per product
COLUMNS = ["target", "item", "kind", "n_positives", "n_total", "average_precision", "normalised"]


def retrieve(profiles: Profiles, absolute: bool, across: bool) -> pd.DataFrame:
    """Average precision of each profile for each of its targets.

    A candidate is admitted if it is another item, differs in every column of `profiles.blocks` and, with `across`, is
    of another kind of perturbation. Positives for a target: admitted candidates that have it; negatives: those that
    share no target with the query (copairs: same or different `target`, different kind and blocks). A negative as
    similar as a positive counts half.

    Parameters
    ----------
    profiles : see :class:`Profiles`
    absolute : whether the absolute cosine ranks, so that an opposite profile is near
    across : whether compounds are ranked among genes and genes among compounds

    Returns
    -------
    `target, item, kind, n_positives, n_total, average_precision, normalised`; normalised: 0 as expected of a random
    ranking, 1 if perfect. Queries without a positive or a negative are absent.
    """
    names = sorted(frozenset().union(*profiles.targets)) if profiles.targets else []
    place = {name: number for number, name in enumerate(names)}
    pairs = [(row, place[name]) for row, own in enumerate(profiles.targets) for name in sorted(own)]
    rows, columns = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    shape = (len(profiles.targets), max(1, len(names)))
    member = sparse.csr_array((np.ones(len(rows), dtype=np.int32), (rows, columns)), shape=shape)
    by_target = sparse.csc_array(member)
    shares = sparse.csr_array(member @ member.T)
    different = [pd.factorize(profiles.items)[0]]
    different += [pd.factorize(profiles.blocks[column])[0] for column in profiles.blocks]
    different += [pd.factorize(profiles.kinds)[0]] if across else []
    unit = unit_rows(profiles.vectors)
    found = []
    for first in range(0, len(unit), _BLOCK):
        with threadpool_limits(1, "blas"):
            similar = unit[first : first + _BLOCK] @ unit.T
        for query, values in enumerate(np.abs(similar) if absolute else similar, start=first):
            admitted = np.logical_and.reduce([codes != codes[query] for codes in different])
            negative = admitted.copy()
            negative[shares.indices[shares.indptr[query] : shares.indptr[query + 1]]] = False
            negatives = values[negative]
            if not len(negatives):
                continue
            for target in member.indices[member.indptr[query] : member.indptr[query + 1]]:
                own = by_target.indices[by_target.indptr[target] : by_target.indptr[target + 1]]
                positives = values[own[admitted[own]]]
                if not len(positives):
                    continue
                precision = average_precision(positives, *counts_above(negatives, positives))
                counts = len(positives), len(positives) + len(negatives)
                chance = expected(*counts)
                normalised = (precision - chance) / (1 - chance)
                found.append(
                    (names[target], profiles.items[query], profiles.kinds[query], *counts, precision, normalised)
                )
    return pd.DataFrame(found, columns=COLUMNS)


def expected(positives: int, total: int) -> float:
    """Average precision expected of a random ranking of `positives` among `total`.

    With H the harmonic number of `total`: (H (total - positives) / (total - 1) + (positives - 1) total / (total - 1))
    / total.
    """
    harmonic = float(np.sum(1 / np.arange(1, total + 1)))
    if total == 1:
        return 1.0
    return float((harmonic * (total - positives) + (positives - 1) * total) / (total - 1) / total)


def mean_by_target(queries: pd.DataFrame, null_size: int = 10000, seed: int = 0) -> pd.DataFrame:
    """Mean over the queries of each target, with p-values against random rankings, as copairs computes them.

    Returns
    -------
    `target, n_queries, mean_average_precision, mean_normalised, chance, p_value, corrected_p_value`, sorted; p-values
    one-sided with 1 added, corrected by Benjamini and Hochberg. Null rankings of more than 1,000 candidates have a
    rounded length (:func:`rounded`). Chance: the mean expected of random rankings.
    """
    names = ["target", "n_queries", "mean_average_precision", "mean_normalised", "chance", "p_value"]
    rows = []
    nulls: dict[tuple[int, int], np.ndarray] = {}
    for target, part in queries.groupby("target", sort=True):
        sizes = list(zip(part["n_positives"].tolist(), part["n_total"].tolist()))
        null = np.zeros(null_size)
        for size in ((positives, max(rounded(total), positives + 1)) for positives, total in sizes):
            if size not in nulls:
                nulls[size] = np.concatenate(list(_random_precisions(*size, null_size, seed)))
            null += nulls[size] / len(sizes)
        value = float(part["average_precision"].mean())
        p = float(((null > value).sum() + 1) / (null_size + 1))
        chance = float(np.mean([expected(*size) for size in sizes]))
        rows.append((target, len(part), value, float(part["normalised"].mean()), chance, p))
    table = pd.DataFrame(rows, columns=names)
    return table.assign(corrected_p_value=false_discovery_control(table["p_value"]) if len(table) else [])


def rounded(total: int) -> int:
    """`total` itself up to 1,000, beyond it on a grid of steps of 1 %: each size of the null is drawn once."""
    return total if total <= 1000 else round(1.01 ** round(np.log(total) / np.log(1.01)))


def _random_precisions(positives: int, total: int, size: int, seed: int, block: int = 500) -> Iterator[np.ndarray]:
    """Average precisions of random rankings, in blocks; the same for equal numbers, whatever else is drawn."""
    draw = np.random.default_rng([seed, positives, total])
    places = np.arange(1, positives + 1)
    for start in range(0, size, block):
        count = min(block, size - start)
        if positives * positives < 20 * total:  # Floyd's choice without repeats, one rank after another
            ranks = np.zeros((count, positives), dtype=np.int64)
            for number in range(positives):
                last = total - positives + 1 + number
                rank = draw.integers(1, last + 1, size=count)
                taken = (ranks[:, :number] == rank[:, None]).any(axis=1)
                ranks[:, number] = np.where(taken, last, rank)
            ranks.sort(axis=1)
        else:
            ranks = np.sort(draw.random((count, total)).argsort(axis=1)[:, :positives] + 1, axis=1)
        yield (places / ranks).mean(axis=1)
