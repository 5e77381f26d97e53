"""How much better one method retrieves replicates than another, at every level, on the same resamples of groups."""

import numpy as np
import pandas as pd

from cwamsn.benchmarks.bootstrap import BootstrapOptions, interval, resample_counts, weighted_means
from cwamsn.benchmarks.pairing import in_both
from cwamsn.benchmarks.split_parts import by_split
from cwamsn.errors import InputError

_KEYS = ["level", "distractors", "well_id"]


def paired_difference(first: pd.DataFrame, second: pd.DataFrame, bootstrap: BootstrapOptions) -> pd.DataFrame:
    """Recall@1 and mean average precision of `first` less those of `second`, over the queries that both have.

    Parameters
    ----------
    first, second : tables of :func:`cwamsn.benchmarks.stringency.retrieve`, with `split` where the screen has parts

    Returns
    -------
    `metric, source, null, value, n, ci_low, ci_high`: metrics, sources and nulls of the scores of the benchmark, less
    what the source says of in-sample methods. Intervals from the same resamples of groups of replicates.
    """
    both = in_both(first, second, _KEYS, benchmark="retrieval", of="query", same="on the same wells")
    if not both["group"].equals(both["group_other"]):
        raise InputError("retrieval: the two methods were scored with other groups of replicates; score both again")
    rows = []
    for suffix, part in by_split(both).items():
        for (level, kind), table in part.groupby(["level", "distractors"], sort=False):
            rows += [
                (metric, f"{level}{suffix}", kind, *rest) for metric, *rest in _differences(table, kind, bootstrap)
            ]
    return pd.DataFrame(rows, columns=["metric", "source", "null", "value", "n", "ci_low", "ci_high"])


def _differences(
    table: pd.DataFrame, kind: str, bootstrap: BootstrapOptions
) -> list[tuple[str, float, int, float, float]]:
    """(metric, difference, n, interval) at one level, over wells and over groups of replicates."""
    columns = {"hit": "recall_at_1", "average_precision": "mean_average_precision"}
    if kind == "controls":
        del columns["hit"]  # as in the scores
    less = pd.DataFrame({column: table[column] - table[f"{column}_other"] for column in columns})
    grouped = less.groupby(table["group"].to_numpy(), sort=True)
    sizes = grouped.size().to_numpy(dtype=float)
    counts = resample_counts(len(sizes), bootstrap.resamples, bootstrap.seed)
    found = []
    for column, metric in columns.items():
        sums = grouped[column].sum().to_numpy(dtype=float)
        over_wells = (counts @ sums) / np.maximum(counts @ sizes, 1)
        bounds = interval(over_wells, bootstrap.level)
        found.append((metric, float(sums.sum() / sizes.sum()), len(table), *bounds))
        bounds = interval(weighted_means(sums / sizes, counts), bootstrap.level)
        found.append((f"{metric}_by_group", float((sums / sizes).mean()), len(sizes), *bounds))
    return found
