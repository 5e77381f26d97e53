"""Recall of known gene-gene relationships among the most similar and most dissimilar pairs of a map.

The protocol is EFAAR's `known_relationship_benchmark` (efaar-benchmarking 1.0, equal to 1e-12 in the tests): a known
pair is recalled when its cosine lies in one of the two tails of the cosines of all pairs of the null.
"""

from collections.abc import Collection, Sequence

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from cwamsn.benchmarks.annotations import joint_relationships, matched_names, relationships
from cwamsn.benchmarks.bootstrap import interval, recall_resamples
from cwamsn.benchmarks.symbols import BUILT_IN, say_unmatched
from cwamsn.errors import InputError
from cwamsn.notes import note
from cwamsn.tables import feature_columns
from cwamsn.vocabulary import SOURCES

THRESHOLDS = ((0.05, 0.95), (0.1, 0.9))
NULLS = ("crispr", "whole-map")
RECALL_COLUMNS = ["source", "threshold_low", "threshold_high", "recall", "n_relationships", "n_null_pairs"]
SAME = 1e-12  # cosines that differ by less are equal but for rounding
ONE_WAY = 0.5  # a median cosine above this means that the vectors were not centred


def cosines(features: np.ndarray, others: np.ndarray | None = None) -> np.ndarray:
    """Cosine similarity of the rows of `features` (n, d) with those of `others` (m, d), or with each other: (n, m).

    One BLAS thread, so that the digits do not depend on the machine's number of cores. A zero row has cosine 0.
    """
    left = _unit(features)
    right = left if others is None else _unit(others)
    with threadpool_limits(1, "blas"):
        return left @ right.T


def _unit(features: np.ndarray) -> np.ndarray:
    features = np.asarray(features, dtype=np.float64)
    norms = np.sqrt(np.einsum("ij,ij->i", features, features))
    norms[norms == 0] = 1.0
    return features / norms[:, None]


def percentile_ranks(null: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Share of the sorted `null` strictly below each value, and the share not above it."""
    left = np.searchsorted(null, values, side="left") / len(null)
    right = np.searchsorted(null, values, side="right") / len(null)
    return left, right


def is_recalled(null: np.ndarray, values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Whether each value lies in the lower `low` or upper 1 - `high` tail of the sorted `null` (both ends counted)."""
    left, right = percentile_ranks(null, values)
    return (right <= low) | (left >= high)


def null_rows(perturbation_map: pd.DataFrame, null: str = "crispr") -> pd.DataFrame:
    """Rows of the map whose pairs form the null, in an order that does not depend on the map's.

    `crispr`: the CRISPR rows, the control row among them (735 genes + EMPTY_control on RxRx3-core). `whole-map`: every
    row, compounds at every dose included, as older notebooks and CellCLIP's script do; its recalls are not comparable.
    """
    if null not in NULLS:
        raise InputError(f"gene_gene.null_rows: {null!r} is not known; known: {', '.join(NULLS)}")
    keys = ["perturbation_type", "perturbation", "concentration"]
    rows = perturbation_map if null == "whole-map" else perturbation_map[perturbation_map.perturbation_type == "CRISPR"]
    if len(rows) < 2:
        raise InputError(f"gene_gene: the map has {len(rows)} CRISPR rows; a null needs at least two")
    return rows.sort_values([k for k in keys if k in rows.columns], ignore_index=True)


def _upper_triangle(features: np.ndarray, keep: np.ndarray, block: int = 1024) -> tuple[np.ndarray, np.ndarray]:
    """Sorted cosines of all pairs of rows, and the matrix of those among the rows `keep` (ascending).

    Blocks of rows, since the whole map's matrix would take 1.6 GB. Both results hold the same numbers, so that a pair
    never differs from its own entry in the null by a last digit.
    """
    unit, n = _unit(features), len(features)
    null, matrix, filled = np.empty(n * (n - 1) // 2), np.eye(len(keep)), 0
    for start in range(0, n, block):
        stop = min(start + block, n)
        with threadpool_limits(1, "blas"):
            part = unit[start:stop] @ unit[start:].T
        for row in range(stop - start):
            values = part[row, row + 1 :]
            null[filled : filled + len(values)] = values
            filled += len(values)
        inside = np.flatnonzero((keep >= start) & (keep < stop))
        if len(inside):
            right = np.arange(inside[0], len(keep))
            matrix[np.ix_(inside, right)] = part[np.ix_(keep[inside] - start, keep[right] - start)]
    null.sort()
    matrix = np.triu(matrix, 1)
    return null, matrix + matrix.T + np.eye(len(keep))


class Similarities:
    """Cosines of a map's genes with each other and the sorted null, computed once for all sources and thresholds."""

    def __init__(self, perturbation_map: pd.DataFrame, null: str = "crispr", exclude: Collection[str] = ()):
        rows = null_rows(perturbation_map, null)
        rows = rows[~rows["perturbation"].isin(set(exclude))].reset_index(drop=True)
        names = rows["perturbation"].to_numpy(str)
        crispr = np.flatnonzero(rows["perturbation_type"].to_numpy() == "CRISPR")
        self.index = pd.Series(np.arange(len(crispr)), index=names[crispr])
        if self.index.index.has_duplicates:
            name = self.index.index[self.index.index.duplicated()][0]
            raise InputError(f"gene_gene: the map has several CRISPR rows of {name!r}; keep one")
        features = feature_columns(rows.columns)
        if len(features) < 2:
            raise InputError(
                "gene_gene: the map has one dimension, in which every cosine is 1 or -1; give more features, controls "
                "that vary in more directions, or more components"
            )
        self.null, self.matrix = _upper_triangle(rows[features].to_numpy(), crispr)
        if len(self.null) > 1 and self.null[-1] - self.null[0] < SAME:
            raise InputError(
                f"gene_gene: all {len(self.null)} pairs of the map have the same cosine ({self.null[0]:.3g}); "
                "its vectors tell nothing apart, look at the embeddings and the controls"
            )

    @property
    def genes(self) -> list[str]:
        return list(self.index.index)

    def of(self, pairs: pd.DataFrame) -> np.ndarray:
        """Cosine of each pair of a table `entity1`, `entity2`."""
        return self.matrix[self.index[pairs["entity1"]].to_numpy(), self.index[pairs["entity2"]].to_numpy()]

    def recalled(self, pairs: pd.DataFrame, low: float, high: float) -> np.ndarray:
        """Whether each pair is recalled."""
        return is_recalled(self.null, self.of(pairs), low, high)


def gene_gene_recall(
    perturbation_map: pd.DataFrame,
    sources: Sequence[str] = SOURCES,
    thresholds: Sequence[tuple[float, float]] = THRESHOLDS,
    null: str = "crispr",
    exclude: Collection[str] = (),
    folder: str | None = None,
    aliases: str | None = None,
) -> pd.DataFrame:
    """Recall of known relationships at each pair of thresholds.

    Parameters
    ----------
    perturbation_map : table of contract `map`
    sources : names of annotation files
    thresholds : pairs (low, high) of percentile ranks; chance is low + 1 - high
    null : see :func:`null_rows`
    exclude : genes left out of map, null and relationships
    folder : folder of `<source>.txt`; default: the installed efaar-benchmarking's
    aliases : table of previous gene symbols, see :func:`cwamsn.benchmarks.symbols.previous_symbols`

    Returns
    -------
    Table `source, threshold_low, threshold_high, recall, n_relationships, n_null_pairs`; recall is NaN where the map
    holds no relationship of a source. The minimum number of entities of the published function is not enforced: its
    check builds an exception without raising it.
    """
    return recall_table(Similarities(perturbation_map, null, exclude), sources, thresholds, folder, aliases)


def recall_table(
    similarities: Similarities, sources=SOURCES, thresholds=THRESHOLDS, folder=None, aliases=None
) -> pd.DataFrame:
    """:func:`gene_gene_recall` on similarities that are already there."""
    rows = []
    for source in sources:
        pairs = relationships(source, similarities.genes, folder, aliases)
        for low, high in thresholds:
            hits = similarities.recalled(pairs, low, high)
            recall = hits.sum() / len(hits) if len(hits) else np.nan
            rows.append((source, float(low), float(high), recall, len(pairs), len(similarities.null)))
    return pd.DataFrame(rows, columns=RECALL_COLUMNS)


def experiment_map(wells: pd.DataFrame, seed: int = 0, dimension: int = 384) -> pd.DataFrame:
    """A map that knows nothing but experiments: each is a Gaussian vector, a gene the mean over its wells.

    Contract `map`, CRISPR rows only. Genes of one process were screened together, so that such a map is not at chance:
    the null is not neutral.
    """
    crispr = wells[(wells["perturbation_type"] == "CRISPR") & wells["perturbation"].notna()]
    shares = pd.crosstab(crispr["perturbation"].astype(str), crispr["experiment"].astype(str), normalize="index")
    with threadpool_limits(1, "blas"):
        vectors = shares.to_numpy() @ np.random.default_rng(seed).normal(size=(shares.shape[1], dimension))
    keys = {"perturbation_type": "CRISPR", "perturbation": shares.index.to_numpy(), "concentration": np.nan}
    return pd.concat([pd.DataFrame(keys), pd.DataFrame(vectors).add_prefix("feature_")], axis=1)


def experiment_recall(
    wells: pd.DataFrame,
    sources=SOURCES,
    thresholds=THRESHOLDS,
    draws: int = 10,
    folder: str | None = None,
    aliases: str | None = None,
) -> pd.DataFrame:
    """:func:`gene_gene_recall` of :func:`experiment_map`, recalls averaged over draws of the experiments' vectors.

    Recalls are NaN where the experiments tell no gene from another.
    """
    maps = [experiment_map(wells, k) for k in range(draws)]
    features = maps[0][feature_columns(maps[0].columns)].to_numpy()
    if np.allclose(features, features[0]):  # one experiment, or every gene alike in all: nothing to tell genes by
        rows = [(s, float(a), float(b), np.nan, 0, 0) for s in sources for a, b in thresholds]
        return pd.DataFrame(rows, columns=RECALL_COLUMNS)
    tables = [gene_gene_recall(one, sources, thresholds, folder=folder, aliases=aliases) for one in maps]
    return tables[0].assign(recall=np.mean([table["recall"] for table in tables], axis=0))


def split_half_by_guide(
    features: np.ndarray,
    wells: pd.DataFrame,
    thresholds: Sequence[tuple[float, float]] = THRESHOLDS,
    repeats: int = 10,
    seed: int = 0,
) -> pd.DataFrame:
    """How well a gene finds itself when its guides are split into two halves: the noise ceiling of the recall.

    Parameters
    ----------
    features : (n, d) aligned vectors of CRISPR wells that are no controls
    wells : their `well_id`, `perturbation` and, where there are any, `gene` and `guide`, row for row. Without `gene`
        a knockout's perturbation is its gene; without `guide` nothing can be split: the table is empty, which is said
    repeats : random splits, drawn from `seed`

    Returns
    -------
    Table `repeat, threshold_low, threshold_high, recall, top1, n_genes`: share of genes whose two half vectors lie in
    the tails of the cosines of all pairs (half one of a gene, half two of another); share of genes whose nearest
    half-two vector is their own.
    """
    order = np.argsort(wells["well_id"].to_numpy(str), kind="stable")
    features, wells = np.asarray(features, dtype=np.float64)[order], wells.iloc[order]
    guides = _guides(wells).groupby(["gene", "guide"], sort=True, observed=True).indices
    names = [name for name in guides if all(isinstance(part, str) for part in name)]
    means = np.stack([features[guides[name]].mean(axis=0) for name in names]) if names else np.empty((0, 1))
    genes = np.array([gene for gene, _ in names], dtype=str)
    members = [np.flatnonzero(genes == gene) for gene in np.unique(genes)]
    members = [rows for rows in members if len(rows) >= 2]
    columns = ["repeat", "threshold_low", "threshold_high", "recall", "top1", "n_genes"]
    if len(members) < 2:
        note(f"split_half_recall: {len(members)} genes have two guides or more, two are needed: no noise ceiling")
        return pd.DataFrame(columns=columns)
    rng, rows = np.random.default_rng(seed), []
    for repeat in range(repeats):
        halves = [np.array_split(rng.permutation(m), 2) for m in members]
        first, second = (np.stack([means[np.sort(h[i])].mean(axis=0) for h in halves]) for i in (0, 1))
        matrix = cosines(first, second)
        own = np.diag(matrix)
        null = np.sort(matrix[~np.eye(len(matrix), dtype=bool)])
        top1 = float((matrix.argmax(axis=1) == np.arange(len(matrix))).mean())
        for low, high in thresholds:
            hits = is_recalled(null, own, low, high)
            rows.append((repeat, float(low), float(high), float(hits.mean()), top1, len(own)))
    return pd.DataFrame(rows, columns=columns)


def summary(
    similarities: Similarities,
    sources: Sequence[str] = SOURCES,
    thresholds: Sequence[tuple[float, float]] = THRESHOLDS,
    resamples: int = 1000,
    seed: int = 0,
    level: float = 0.95,
    folder: str | None = None,
    aliases: str | None = None,
) -> pd.DataFrame:
    """Recalls with a bootstrap interval over genes, and one joint recall over the union of all sources.

    Table `metric` (`recall`), `source` (a source or `joint`), `threshold_low`, `threshold_high`, `value`, `n` (known
    pairs), `ci_low`, `ci_high`. Notes the genes that no source knows, those known by another symbol (`aliases`), and
    why a recall is zero.
    """
    rows = []
    genes = similarities.genes
    middle = similarities.null[len(similarities.null) // 2] if len(similarities.null) else 0.0
    if middle > ONE_WAY:
        note(
            f"half of all pairs have a cosine above {middle:.2f}: the vectors share one direction, such as an offset, "
            "which hides the others; centre them (alignment.method), or subtract the mean from a finished map"
        )
    tables = {source: relationships(source, genes, folder, aliases) for source in sources}
    tables["joint"] = joint_relationships(sources, genes, folder, aliases)
    other = {} if aliases else matched_names(sources, genes, folder, BUILT_IN)[1]
    say_unmatched(genes, *matched_names(sources, genes, folder, aliases), len(set(other.values())))
    without = [source for source, pairs in tables.items() if pairs.empty]
    if without:
        where = "any annotation" if len(without) == len(tables) else ", ".join(without)
        note(f"no two of the {len(genes)} genes of the map are a known pair of {where}, which gives no recall")
    for source, pairs in tables.items():
        if pairs.empty:
            continue
        for low, high in thresholds:
            hits = similarities.recalled(pairs, low, high)
            bounds = interval(recall_resamples(pairs, hits, similarities.genes, resamples, seed), level)
            rows.append(("recall", source, float(low), float(high), hits.sum() / len(hits), len(hits), *bounds))
            if not hits.any():
                _say_zero(similarities, source, len(hits), low, high)
    names = ["metric", "source", "threshold_low", "threshold_high", "value", "n", "ci_low", "ci_high"]
    return pd.DataFrame(rows, columns=names)


def _guides(wells: pd.DataFrame) -> pd.DataFrame:
    """Columns `gene` and `guide` of the wells contract, both of which a screen may lack."""
    empty = pd.Series(None, index=wells.index, dtype=object)
    if "gene" in wells:
        gene = wells["gene"]
    else:
        gene = wells["perturbation"].where((wells["perturbation_type"] == "CRISPR") & wells["control"].isna(), None)
    return pd.DataFrame({"gene": gene, "guide": wells.get("guide", empty)})


def _say_zero(similarities: Similarities, source: str, n: int, low: float, high: float) -> None:
    """Note why no pair of a source is recalled: too few pairs, or a null of which many pairs have one cosine."""
    null, chance = similarities.null, low + 1 - high
    rounded, counts = np.unique(np.round(null, 9), return_counts=True)
    share = counts.max() / len(null)
    if counts.max() > 1 and share > min(low, 1 - high):
        why = f"{share:.0%} of all pairs have the same cosine ({rounded[counts.argmax()]:.3g}): vectors are repeated"
    elif (1 - chance) ** n > 0.01:
        why = f"with so few pairs that happens by chance (probability {(1 - chance) ** n:.2f})"
    else:
        why = "no cause is known: known pairs avoid both tails of the cosines; look at the embeddings"
    note(f"recall of {source} is 0 of {n} pairs where chance is {chance:.2f}: {why}")


def split_half_summary(table: pd.DataFrame) -> pd.DataFrame:
    """Means over the repeats of :func:`split_half_by_guide`: metrics `split_half_recall` and `split_half_top1`."""
    rows = []
    for (low, high), part in table.groupby(["threshold_low", "threshold_high"], sort=False):
        for metric, column in (("split_half_recall", "recall"), ("split_half_top1", "top1")):
            rows.append((metric, "genes", low, high, part[column].mean(), int(part["n_genes"].iloc[0])))
    return pd.DataFrame(rows, columns=["metric", "source", "threshold_low", "threshold_high", "value", "n"])


def as_metric(table: pd.DataFrame, metric: str) -> pd.DataFrame:
    """The table of :func:`gene_gene_recall` with its recalls as values of `metric`."""
    names = {"recall": "value", "n_relationships": "n"}
    return table.rename(columns=names).drop(columns="n_null_pairs").assign(metric=metric)


def paired_difference(
    first: Similarities,
    second: Similarities,
    sources: Sequence[str] = SOURCES,
    thresholds: Sequence[tuple[float, float]] = THRESHOLDS,
    resamples: int = 1000,
    seed: int = 0,
    level: float = 0.95,
    folder: str | None = None,
    aliases: str | None = None,
) -> pd.DataFrame:
    """Recall of `first` less that of `second`, with an interval from the same resamples of genes.

    Both are taken on the genes that stand in both maps; nulls stay each map's own. Same columns as :func:`summary`,
    `joint` included.
    """
    genes = sorted(set(first.genes) & set(second.genes))
    tables = {source: relationships(source, genes, folder, aliases) for source in sources}
    tables["joint"] = joint_relationships(sources, genes, folder, aliases)
    rows = []
    for source, pairs in tables.items():
        for low, high in thresholds if len(pairs) else ():
            hits = [one.recalled(pairs, low, high).astype(float) for one in (first, second)]
            samples = [recall_resamples(pairs, h, genes, resamples, seed) for h in hits]
            bounds = interval(samples[0] - samples[1], level)
            value = hits[0].mean() - hits[1].mean()
            rows.append(("recall", source, float(low), float(high), value, len(pairs), *bounds))
    names = ["metric", "source", "threshold_low", "threshold_high", "value", "n", "ci_low", "ci_high"]
    return pd.DataFrame(rows, columns=names)
