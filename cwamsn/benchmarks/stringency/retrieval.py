"""Replicate retrieval at levels of stringency: Recall@1 and mean average precision, every well a query.

Protocol: MorphoHELM (arXiv 2605.15383) as its code computes it, in blocks of exact float32 products, so that no matrix
of all pairs is held: 153,370 wells would need 94 GB.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from cwamsn.benchmarks.bootstrap import BootstrapOptions, interval, resample_counts, weighted_means
from cwamsn.benchmarks.scores import Result
from cwamsn.benchmarks.split_parts import by_split
from cwamsn.benchmarks.stringency.levels import Excluded, Level, group_names, levels_of, missing_column, pairs_left
from cwamsn.errors import InputError
from cwamsn.exposure import marked
from cwamsn.notes import note
from cwamsn.options import Options
from cwamsn.vectors import unit_rows
from cwamsn.wells import in_order_of_ids, is_negative, is_treated

DISTRACTORS = ("perturbations", "controls")
TIES = ("mid", "code")
_BLOCK = 256  # queries per product; with 153,370 wells 157 MB
_MANY = 24  # positives; beyond it one sort is faster than as many comparisons
_COLUMNS = ["level", "distractors", "well_id", "group", "n_positives", "n_distractors", "average_precision", "hit"]


@dataclass(frozen=True, kw_only=True)
class RetrievalOptions(Options):
    """The section `retrieval` of the configuration."""

    levels: Sequence[str] = ("NR", "NSB", "NSS", "NSL")
    same: Sequence[str] = ("perturbation", "concentration")
    """Columns of the wells table that make two treated wells replicates."""
    distractors: Sequence[str] = DISTRACTORS
    """`perturbations`: treated wells of other groups; `controls`: negative controls of the whole screen."""
    ties: str = "mid"
    """`mid`: a distractor as similar as a positive counts half; `code`: as the published code has it, where it does not
    count and tied positives share the best rank, so that a precision may exceed 1."""
    least: int = 10
    """Groups of replicates that a level must leave; with fewer it is not scored."""
    threads: int = 1
    """Threads of a job; no digit depends on them."""


def score(
    features: np.ndarray,
    wells: pd.DataFrame,
    options: RetrievalOptions,
    bootstrap: BootstrapOptions,
    *,
    in_sample: bool | None,
) -> Result:
    """Everything that this benchmark reports of one method's aligned wells.

    Parameters
    ----------
    features : (N, D) aligned vectors
    wells : their wells, row for row
    in_sample : whether the method was trained on the screen that it is scored on, as the source says; None: unknown

    Returns
    -------
    Its own table is that of :func:`retrieve`, with the query's `split` where the screen has parts. Metrics: those of
    :func:`summarise`, with the level as source and the kind of distractor as null; where the screen is split, once more
    for the queries of each part, as `NSB, test`.
    """
    table = retrieve(features, wells, options)
    if "split" in wells:
        table["split"] = wells.set_index("well_id")["split"].reindex(table["well_id"]).to_numpy()
    suffix = marked("", in_sample)
    parts = by_split(table)
    return Result(tuple(_as_scores(summarise(part, bootstrap), name + suffix) for name, part in parts.items()), table)


def _as_scores(summary: pd.DataFrame, suffix: str) -> pd.DataFrame:
    return summary.assign(source=summary["level"] + suffix, null=summary["distractors"])


def retrieve(
    features: np.ndarray,
    wells: pd.DataFrame,
    options: RetrievalOptions | None = None,
    queries: np.ndarray | None = None,
) -> pd.DataFrame:
    """Average precision and first hit of every query well at every level.

    Parameters
    ----------
    features : (N, D) vectors of wells
    wells : wells table, N rows in the same order
    queries : (N,) bool, which treated wells are queries; default: all. The others can still answer

    Returns
    -------
    One row for each level, kind of distractor and query that has a positive and a distractor: `level, distractors,
    well_id, group, n_positives, n_distractors, average_precision, hit` (1 if the most similar admitted well is a
    replicate, .5 on a tie). A level that the layout cannot have is noted with the number of pairs left, and absent.

    Raises
    ------
    InputError
        No level can be scored, or an option is not known.
    """
    options = options or RetrievalOptions()
    _check(options)
    chosen = np.ones(len(wells), dtype=bool) if queries is None else np.asarray(queries, dtype=bool)
    features, sorted_wells = in_order_of_ids(np.asarray(features), wells.assign(_query=chosen))
    unit = unit_rows(features).astype(np.float32)
    treated = np.flatnonzero(is_treated(sorted_wells))
    controls = np.flatnonzero(is_negative(sorted_wells))
    table = sorted_wells.iloc[treated].reset_index(drop=True)
    levels = [level for level in levels_of(options.levels) if _can_be_scored(level, table, options)]
    if not levels:
        raise InputError(f"none of the levels {', '.join(options.levels)} can be scored; see the notes for each")
    kinds = [kind for kind in options.distractors if kind != "controls" or len(controls)]
    if len(kinds) < len(options.distractors):
        note("retrieval against controls is not scored: the screen has no negative control")
    names = group_names(table, options.same)
    gallery = np.concatenate([treated, controls])
    search = _Search(unit[gallery], pd.factorize(names)[0], sorted_wells.iloc[gallery], levels, kinds, options.ties)
    wanted = np.flatnonzero(table["_query"].to_numpy())
    rows = [row for rows in _in_blocks(search, wanted, options.threads) for row in rows]
    result = pd.DataFrame(rows, columns=["distractors", "level", "query", *_COLUMNS[4:]])
    if result.empty:
        raise InputError("retrieval: no query has a replicate and a distractor; choose other distractors or queries")
    result["order"] = result["distractors"].map(kinds.index)
    result = result.sort_values(["order", "query"], kind="stable", ignore_index=True)
    place = result["query"].to_numpy()
    result["well_id"], result["group"] = table["well_id"].to_numpy()[place], names[place]
    return result[_COLUMNS]


def _check(options: RetrievalOptions) -> None:
    for name in options.distractors:
        if name not in DISTRACTORS:
            raise InputError(f"distractors: {name!r} is not known; known: {', '.join(DISTRACTORS)}")
    if options.ties not in TIES:
        raise InputError(f"ties: {options.ties!r} is not known; known: {', '.join(TIES)}")


def _can_be_scored(level: Level, treated: pd.DataFrame, options: RetrievalOptions) -> bool:
    """Whether a level leaves enough replicates; a note says why not."""
    why = missing_column(level, treated)
    if why is None:
        pairs, groups = pairs_left(level, treated, options.same)
        if groups >= options.least:
            return True
        why = f"it leaves {pairs:,} pairs of replicates in {groups:,} groups, {options.least} groups are needed"
    note(f"level {level.name} ({level.text}) is not scored: {why}")
    return False


class _Search:
    """Treated wells, which are queries and gallery, and then the controls, which are gallery alone."""

    def __init__(
        self,
        vectors: np.ndarray,
        groups: np.ndarray,
        wells: pd.DataFrame,
        levels: Sequence[Level],
        kinds: Sequence[str],
        ties: str,
    ):
        """vectors and wells: of the gallery, row for row; groups: of the treated wells, which come first."""
        self.vectors, self.groups, self.kinds, self.ties = vectors, groups, kinds, ties
        self.treated = len(groups)
        table = wells.iloc[: self.treated]
        parts = {"perturbations": table, "controls": wells.iloc[self.treated :]}
        self.levels = [
            (level.name, Excluded(level, table, table), {kind: Excluded(level, table, parts[kind]) for kind in kinds})
            for level in levels
        ]
        order = np.argsort(groups, kind="stable")
        bounds = np.searchsorted(groups[order], np.arange(groups.max() + 2))
        self.members = [order[a:b] for a, b in pairwise(bounds)]

    def block(self, wanted: np.ndarray) -> list[tuple[object, ...]]:
        """Rows of the result for the queries `wanted`."""
        # one product for replicates and distractors, so that equal vectors have equal similarities
        similar = self.vectors[wanted] @ self.vectors.T
        return [row for query, values in zip(wanted.tolist(), similar) for row in self._query(query, values)]

    def _query(self, query: int, values: np.ndarray) -> Iterator[tuple[object, ...]]:
        """values: similarity of the query with the gallery; changed here."""
        replicates = self.members[self.groups[query]]
        replicates = replicates[replicates != query]
        if not len(replicates):
            return
        own = np.append(replicates, query)
        similar = values[replicates].copy()
        values[own] = -np.inf  # what is left among the treated are distractors
        parts = {"perturbations": values[: self.treated], "controls": values[self.treated :]}
        for kind in self.kinds:
            part = parts[kind]
            total = len(part) - (len(own) if kind == "perturbations" else 0)
            above, tied = counts_above(part, similar)
            best = int(part.argmax())
            for name, hidden, excluded in self.levels:
                kept = ~np.isin(replicates, hidden.of(query), assume_unique=True)
                out = excluded[kind].of(query)
                if kind == "perturbations":
                    out = out[~np.isin(out, own, assume_unique=True)]
                if not kept.any() or len(out) == total:
                    continue
                fewer, fewer_tied = counts_above(part[out], similar[kept])
                top = float(part[best]) if best not in out else _highest(part, out)
                positive = float(similar[kept].max())
                hit = 1.0 if positive > top else 0.5 if positive == top else 0.0
                precision = average_precision(similar[kept], above[kept] - fewer, tied[kept] - fewer_tied, self.ties)
                yield kind, name, query, int(kept.sum()), total - len(out), precision, hit


def counts_above(values: np.ndarray, thresholds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How many of `values` are above each threshold, and how many equal it."""
    if len(thresholds) > _MANY:
        values = np.sort(values)
        right = np.searchsorted(values, thresholds, side="right")
        return len(values) - right, right - np.searchsorted(values, thresholds, side="left")
    above = np.array([np.count_nonzero(values > t) for t in thresholds])
    tied = np.array([np.count_nonzero(values >= t) for t in thresholds]) - above
    return above, tied


def _highest(values: np.ndarray, out: np.ndarray) -> float:
    """The largest of `values` that is not at one of the positions `out`."""
    kept = values[out].copy()
    values[out] = -np.inf
    top = float(values.max())
    values[out] = kept
    return top


def average_precision(similar: np.ndarray, above: np.ndarray, tied: np.ndarray, ties: str = "mid") -> float:
    """Mean over positives of i / rank.

    Parameters
    ----------
    similar : (m,) similarity of each positive
    above, tied : (m,) distractors that are more similar, and as similar
    ties : `mid` or `code`, see :class:`RetrievalOptions`
    """
    order = np.argsort(-similar, kind="stable")
    place = np.arange(1, len(similar) + 1)
    if ties == "mid":
        ranks = place + above[order] + tied[order] / 2
    else:
        ranks = np.sort(1 + above + (similar[None, :] > similar[:, None]).sum(axis=1))
    return float(np.mean(place / ranks))


def _in_blocks(search: _Search, wanted: np.ndarray, threads: int) -> Iterator[list[tuple[object, ...]]]:
    """Blocks in order. Each product takes one thread, so that no digit depends on their number."""
    blocks = [wanted[start : start + _BLOCK] for start in range(0, len(wanted), _BLOCK)]
    # set once, outside the threads: the limit is the process's, and threads that set it would restore each other's
    with threadpool_limits(1, "blas"):
        if threads == 1:
            yield from map(search.block, blocks)
            return
        with ThreadPoolExecutor(threads) as pool:
            yield from pool.map(search.block, blocks)


def summarise(table: pd.DataFrame, bootstrap: BootstrapOptions | None = None) -> pd.DataFrame:
    """Means of :func:`retrieve` with bootstrap intervals over groups of replicates.

    Returns
    -------
    `metric, level, distractors, value, n, ci_low, ci_high`. `recall_at_1` is the mean over wells (the published
    numbers), `recall_at_1_by_group` the mean over groups of their means; so for `mean_average_precision`.
    """
    bootstrap = bootstrap or BootstrapOptions()
    rows = []
    for (level, kind), part in table.groupby(["level", "distractors"], sort=False):
        by_group = part.groupby("group", sort=True)[["average_precision", "hit"]].agg(["sum", "size"])
        counts = resample_counts(len(by_group), bootstrap.resamples, bootstrap.seed)
        for column, metric in (("hit", "recall_at_1"), ("average_precision", "mean_average_precision")):
            if column == "hit" and kind == "controls":
                continue  # the first among controls is another question, which nobody has published
            sums, sizes = by_group[column]["sum"].to_numpy(float), by_group[column]["size"].to_numpy(float)
            over_wells = (counts @ sums) / np.maximum(counts @ sizes, 1)
            over_groups = weighted_means(sums / sizes, counts)
            for name, value, n, samples in (
                (metric, sums.sum() / sizes.sum(), int(sizes.sum()), over_wells),
                (f"{metric}_by_group", float(np.mean(sums / sizes)), len(sums), over_groups),
            ):
                low, high = interval(samples, bootstrap.level)
                rows.append((name, level, kind, value, n, low, high))
    return pd.DataFrame(rows, columns=["metric", "level", "distractors", "value", "n", "ci_low", "ci_high"])
