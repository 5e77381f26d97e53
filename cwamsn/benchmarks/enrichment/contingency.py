"""The table of a query: a of its k nearest share its label, of K in n candidates; what it says, and what chance says.

Source: section 3 of MorphoHELM (arXiv 2605.15383) and its code, which differ in places; see docs/benchmarks.md.
"""

from functools import lru_cache
from math import comb

import numpy as np
from scipy.stats import hypergeom

SIGNIFICANT = 0.05
_DRAWS = 100  # of the published code
_SEED = 61


def odds_ratio(hits: np.ndarray, retrieved: int, partners: np.ndarray, candidates: np.ndarray) -> np.ndarray:
    """Odds ratio ad / bc of each query; where one of the four counts is 0, .5 is added to all (Haldane-Anscombe).

    Parameters
    ----------
    hits : (Q,) partners among the retrieved
    retrieved : k
    partners, candidates : (Q,) K and n
    """
    a, total, n = (np.asarray(x, dtype=np.float64) for x in (hits, partners, candidates))
    b, c = retrieved - a, total - a
    d = n - retrieved - c
    table = np.stack(np.broadcast_arrays(a, b, c, d))
    table = table + 0.5 * (table == 0).any(axis=0)
    ratio: np.ndarray = table[0] * table[3] / (table[1] * table[2])
    return ratio


def exact_p(hits: np.ndarray, retrieved: int, partners: np.ndarray, candidates: np.ndarray) -> np.ndarray:
    """(Q,) probability of as many hits or more in a random ranking: Fisher's exact test, one-sided."""
    found: np.ndarray = hypergeom.sf(np.asarray(hits) - 1, candidates, partners, retrieved)
    return found


def floor(retrieved: int, partners: np.ndarray, candidates: np.ndarray) -> float:
    """Geometric mean odds ratio if no query had a hit. The correction puts it far above 1 where groups are small."""
    zero = np.zeros(len(np.atleast_1d(partners)))
    return float(np.exp(np.log(odds_ratio(zero, retrieved, partners, candidates)).mean()))


def random_level(retrieved: int, partners: np.ndarray, candidates: np.ndarray) -> tuple[float, float]:
    """(geometric mean odds ratio, share of queries with an exact p below .05) expected of a random ranking.

    Exact, by the hypergeometric distribution of each query's hits.
    """
    pairs = zip(np.atleast_1d(partners).tolist(), np.atleast_1d(candidates).tolist())
    found = np.array([_random_query(retrieved, int(total), int(n)) for total, n in pairs])
    return float(np.exp(found[:, 0].mean())), float(found[:, 1].mean())


@lru_cache(maxsize=100_000)
def _random_query(retrieved: int, partners: int, candidates: int) -> tuple[float, float]:
    """Expected log odds ratio, and probability of a significant result, of one query."""
    hits = np.arange(max(0, retrieved + partners - candidates), min(retrieved, partners) + 1)
    chance = hypergeom.pmf(hits, candidates, partners, retrieved)
    total, n = np.full(len(hits), partners), np.full(len(hits), candidates)
    log_ratio = np.log(odds_ratio(hits, retrieved, total, n))
    significant = exact_p(hits, retrieved, total, n) < SIGNIFICANT
    return float(chance @ log_ratio), float(chance @ significant)


# As the published code draws it ---------------------------------------------------------------------------------------


def drawn_p(positions: np.ndarray, retrieved: int, candidates: int) -> float:
    """p of one query by 100 relabellings, as the published code of mechanisms draws them: the same for every query.

    positions : (K,) places of the partners in the ranking, from 0.
    """
    total = np.array([len(positions)])
    n = np.array([candidates])
    observed = odds_ratio(np.array([(positions < retrieved).sum()]), retrieved, total, n)[0]
    if retrieved > 1 and comb(candidates, retrieved) <= _DRAWS:  # scipy enumerates, and adds no 1
        hits = np.arange(0, min(retrieved, len(positions)) + 1)
        ratios = odds_ratio(hits, retrieved, total, n)
        chance = hypergeom.pmf(hits, candidates, len(positions), retrieved)
        return float(chance[_reaches(ratios, observed)].sum())
    is_partner = np.zeros(candidates, dtype=bool)
    is_partner[positions] = True
    drawn = is_partner[_places(candidates, retrieved)].sum(axis=1)
    ratios = odds_ratio(drawn, retrieved, total, n)
    return float((1 + _reaches(ratios, observed).sum()) / (_DRAWS + 1))


def drawn_p_of_counts(hits: np.ndarray, retrieved: int, partners: np.ndarray, candidates: np.ndarray) -> np.ndarray:
    """(Q,) p of the queries of one database, as the published code of pathways draws them: counts, from one stream."""
    rng = np.random.default_rng(_SEED)
    partners, candidates = np.asarray(partners), np.asarray(candidates)
    observed = odds_ratio(hits, retrieved, partners, candidates)
    reached = np.zeros(len(observed), dtype=int)
    for _ in range(_DRAWS):
        drawn = rng.hypergeometric(partners, candidates - partners, retrieved)
        reached += odds_ratio(drawn, retrieved, partners, candidates) >= observed
    return (1 + reached) / (_DRAWS + 1)


def _reaches(ratios: np.ndarray, observed: float) -> np.ndarray:
    """Whether each ratio is as large, within the tolerance of scipy's permutation_test."""
    reached: np.ndarray = ratios >= observed - 100 * np.finfo(np.float64).eps * abs(observed)
    return reached


@lru_cache(maxsize=256)
def _places(candidates: int, retrieved: int) -> np.ndarray:
    """(100, k) places whose labels a relabelling puts first."""
    if retrieved == 1:
        rng = np.random.default_rng(_SEED)
        return np.stack([rng.permutation(candidates)[:1] for _ in range(_DRAWS)])
    state = np.random.RandomState(_SEED)
    return np.stack([state.permutation(candidates)[:retrieved] for _ in range(_DRAWS)])
