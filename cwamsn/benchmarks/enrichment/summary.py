"""Enrichment of every query, and what one number of it is worth: beside each stands what chance would have."""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from cwamsn.benchmarks.bootstrap import BootstrapOptions, interval, resample_counts
from cwamsn.benchmarks.enrichment import contingency
from cwamsn.benchmarks.enrichment.contingency import SIGNIFICANT
from cwamsn.benchmarks.enrichment.ranking import Ranked
from cwamsn.errors import InputError

TESTS = ("exact", "drawn-positions", "drawn-counts")


def enrich(queries: Iterable[Ranked], retrieved: int, test: str = "exact") -> pd.DataFrame:
    """Odds ratio and p-value of each query.

    Parameters
    ----------
    queries : as :func:`cwamsn.benchmarks.enrichment.ranking.rank_partners` gives them
    retrieved : k, the candidates that count as near
    test : `exact`: Fisher's test, one-sided; `drawn-positions` and `drawn-counts`: 100 draws with one seed, as the
        published code of mechanisms and of pathways makes them

    Returns
    -------
    `item, block, hits, partners, candidates, odds_ratio, p_value`. Queries with no more than k candidates are left out.

    Raises
    ------
    InputError
        For an unknown test, and when no query is left.
    """
    if test not in TESTS:
        raise InputError(f"enrichment.test: {test!r} is not known; known: {', '.join(TESTS)}")
    usable = [query for query in queries if query.candidates > retrieved]
    if not usable:
        raise InputError(f"enrichment: no query has a partner among more than {retrieved} candidates")
    table = pd.DataFrame(
        {
            "item": [query.item for query in usable],
            "block": [query.block for query in usable],
            "hits": [int((query.positions < retrieved).sum()) for query in usable],
            "partners": [len(query.positions) for query in usable],
            "candidates": [query.candidates for query in usable],
        }
    )
    counts = tuple(table[name].to_numpy() for name in ("hits", "partners", "candidates"))
    arguments = (counts[0], retrieved, counts[1], counts[2])
    table["odds_ratio"] = contingency.odds_ratio(*arguments)
    if test == "exact":
        table["p_value"] = contingency.exact_p(*arguments)
    elif test == "drawn-counts":
        table["p_value"] = contingency.drawn_p_of_counts(*arguments)
    else:
        table["p_value"] = [contingency.drawn_p(query.positions, retrieved, query.candidates) for query in usable]
    return table


def summarise(table: pd.DataFrame, retrieved: int, bootstrap: BootstrapOptions | None = None) -> pd.DataFrame:
    """What :func:`enrich` found, in numbers, each with what chance would give.

    Returns
    -------
    `metric, value, n, ci_low, ci_high`; intervals over items. `share_significant`: items of which more than half of the
    queries have p < .05 (with one query per item: that one). `geometric_mean_odds_ratio`: over queries, as published;
    `geometric_mean_odds_ratio_by_item`: over items of their own means. `odds_ratio_without_hits` and
    `odds_ratio_of_a_random_ranking`: what the geometric mean over queries would be; `share_of_a_random_ranking`: the
    expected share of significant queries, by the exact test.
    """
    bootstrap = bootstrap or BootstrapOptions()
    grouped = table.assign(log=np.log(table["odds_ratio"]), low=table["p_value"] < SIGNIFICANT).groupby("item")
    sums = grouped["log"].sum().to_numpy()
    sizes = grouped.size().to_numpy(dtype=float)
    significant = (grouped["low"].mean() > 0.5).to_numpy(dtype=float)
    counts = resample_counts(len(sums), bootstrap.resamples, bootstrap.seed)
    items = counts.sum(axis=1)
    samples = {
        "share_significant": (significant.mean(), counts @ significant / items),
        "geometric_mean_odds_ratio": (np.exp(sums.sum() / sizes.sum()), np.exp((counts @ sums) / (counts @ sizes))),
        "geometric_mean_odds_ratio_by_item": (np.exp((sums / sizes).mean()), np.exp(counts @ (sums / sizes) / items)),
    }
    rows = [
        (
            name,
            float(value),
            len(table) if name == "geometric_mean_odds_ratio" else len(sums),
            *interval(drawn, bootstrap.level),
        )
        for name, (value, drawn) in samples.items()
    ]
    partners, candidates = table["partners"].to_numpy(), table["candidates"].to_numpy()
    ratio, share = contingency.random_level(retrieved, partners, candidates)
    nothing = contingency.floor(retrieved, partners, candidates)
    for name, value in (
        ("odds_ratio_without_hits", nothing),
        ("odds_ratio_of_a_random_ranking", ratio),
        ("share_of_a_random_ranking", share),
    ):
        rows.append((name, value, len(table), np.nan, np.nan))
    return pd.DataFrame(rows, columns=["metric", "value", "n", "ci_low", "ci_high"])


def over_databases(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """`metric, value, n`: one number per metric over what :func:`summarise` says of each database.

    As published: the mean of shares, the geometric mean of ratios.
    """
    rows = []
    for metric, part in pd.concat(parts).groupby("metric", sort=False):
        values = part["value"].to_numpy()
        value = values.mean() if str(metric).startswith("share") else np.exp(np.log(values).mean())
        rows.append((metric, float(value), int(part["n"].sum())))
    return pd.DataFrame(rows, columns=["metric", "value", "n"])
