"""How much more one method enriches than another, at every level, on the same resamples of compounds or genes."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from cwamsn.benchmarks.bootstrap import BootstrapOptions, interval, resample_counts
from cwamsn.benchmarks.enrichment.contingency import SIGNIFICANT
from cwamsn.benchmarks.pairing import in_both
from cwamsn.benchmarks.split_parts import by_split
from cwamsn.vocabulary import MECHANISMS, PATHWAYS

_KEYS = ["relation", "level", "item", "block"]
METRICS = ("share_significant", "geometric_mean_odds_ratio", "geometric_mean_odds_ratio_by_item")


def paired_difference(first: pd.DataFrame, second: pd.DataFrame, bootstrap: BootstrapOptions) -> pd.DataFrame:
    """Share of enriched items and geometric mean odds ratios of `first` less those of `second`, on common queries.

    Parameters
    ----------
    first, second : the benchmark's own tables, see :func:`cwamsn.benchmarks.enrichment.score`

    Returns
    -------
    `metric, source, value, n, ci_low, ci_high`: metrics and sources of the scores of the benchmark, less what the
    source says of in-sample methods. Intervals from the same resamples of items; of `pathways` too, whose databases
    share their resamples of genes.
    """
    both = in_both(first, second, _KEYS, benchmark="enrichment", of="query", same="with the same labels")
    rows = []
    for level, at_level in both.groupby("level", sort=False):
        tables = dict(list(at_level.groupby("relation", sort=False)))
        for relation, table in tables.items():
            for suffix, part in by_split(table).items():
                rows += _differences({relation: part}, f"{relation} {level}{suffix}", bootstrap)
        databases = {relation: table for relation, table in tables.items() if relation != MECHANISMS}
        if databases:
            rows += _differences(databases, f"{PATHWAYS} {level}", bootstrap)
    return pd.DataFrame(rows, columns=["metric", "source", "value", "n", "ci_low", "ci_high"])


def _differences(
    tables: Mapping[str, pd.DataFrame], source: str, bootstrap: BootstrapOptions
) -> list[tuple[str, str, float, int, float, float]]:
    """Of one relation, or over several: mean of shares, geometric mean of ratios; items are drawn once for all."""
    items = sorted(set().union(*(table["item"] for table in tables.values())))
    drawn = resample_counts(len(items), bootstrap.resamples, bootstrap.seed)
    counts = np.concatenate([np.ones((1, len(items)), dtype=drawn.dtype), drawn])  # first, every item once
    found = {}
    for suffix in ("", "_other"):
        parts = [_values(table, suffix, items, counts) for table in tables.values()]
        share, *logs = (np.mean([part[number] for part in parts], axis=0) for number in range(3))
        found[suffix] = (share, *(np.exp(values) for values in logs))
    number = (len(items), sum(len(table) for table in tables.values()), len(items))
    rows = []
    for metric, n, one, other in zip(METRICS, number, found[""], found["_other"]):
        less = one - other
        rows.append((metric, source, float(less[0]), n, *interval(less[1:], bootstrap.level)))
    return rows


def _values(table: pd.DataFrame, suffix: str, items: list[str], counts: np.ndarray) -> list[np.ndarray]:
    """Share significant, mean log odds ratio over queries and over items, under each row of `counts`; NaN if empty."""
    logs = np.log(table[f"odds_ratio{suffix}"]).groupby(table["item"])
    low = (table[f"p_value{suffix}"] < SIGNIFICANT).groupby(table["item"])
    sums, sizes = (values.reindex(items, fill_value=0).to_numpy(dtype=float) for values in (logs.sum(), logs.size()))
    significant = (low.mean().reindex(items, fill_value=0.0) > 0.5).to_numpy(dtype=float)
    there = (sizes > 0).astype(float)
    means = np.divide(sums, sizes, out=np.zeros_like(sums), where=sizes > 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        n_items = counts @ there
        return [counts @ significant / n_items, (counts @ sums) / (counts @ sizes), (counts @ means) / n_items]
