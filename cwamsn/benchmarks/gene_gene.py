"""Recall of known gene-gene relationships among the most similar and most dissimilar pairs of a map.

The protocol is EFAAR's `known_relationship_benchmark` (efaar-benchmarking 1.0, equal to 1e-12 in the tests): a known
pair is recalled when its cosine lies in one of the two tails of the cosines of all pairs of the null.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from cwamsn.benchmarks.annotations import joint_relationships, matched_names, relationships
from cwamsn.benchmarks.bootstrap import BootstrapOptions, interval, recalls_resamples
from cwamsn.benchmarks.gene_gene_levels import NO_RESTRICTION, similarities_at_levels
from cwamsn.benchmarks.scores import Result
from cwamsn.benchmarks.similarity import THRESHOLDS, Similarities
from cwamsn.benchmarks.split_half import split_half_by_guide, split_half_summary
from cwamsn.benchmarks.symbols import BUILT_IN, say_unmatched
from cwamsn.notes import note
from cwamsn.options import Options
from cwamsn.tables import feature_columns
from cwamsn.vocabulary import SOURCES

RECALL_COLUMNS = ["source", "threshold_low", "threshold_high", "recall", "n_relationships", "n_null_pairs"]
SUMMARY_COLUMNS = ["metric", "source", "threshold_low", "threshold_high", "value", "n", "ci_low", "ci_high"]
LEAST = 10  # known pairs that a level must leave
ONE_WAY = 0.5  # a median cosine above this means that the vectors were not centred


@dataclass(frozen=True, kw_only=True)
class GeneGeneOptions(Options):
    """The section `gene_gene` of the configuration."""

    sources: Sequence[str] = SOURCES
    annotations: str | None = None
    """Folder of `<source>.txt`; None: the files of the installed efaar-benchmarking."""
    aliases: str | None = BUILT_IN
    """Table of previous gene symbols, see :func:`cwamsn.benchmarks.symbols.previous_symbols`."""
    thresholds: Sequence[Sequence[float]] = THRESHOLDS
    null_rows: str = "crispr"
    """See :func:`cwamsn.benchmarks.similarity.null_rows`."""
    also_null_rows: Sequence[str] = ()
    """Further nulls, scored beside it and labelled in the column `null`."""
    common_genes: Sequence[str] = ("CYP11B1", "EIF3H", "HCK", "MTOR", "PLK1", "SRC")
    """Genes present in every experiment, which `recall_without_common` leaves out."""
    split_half_repeats: int = 10
    """Random halves of each gene's guides for the noise ceiling."""
    levels: Sequence[str] = (NO_RESTRICTION,)
    """Levels of stringency, see :mod:`cwamsn.benchmarks.gene_gene_levels`."""

    @property
    def needs_wells(self) -> bool:
        """Whether anything is scored that takes the aligned wells beside the map."""
        return self.split_half_repeats > 0 or set(self.levels) != {NO_RESTRICTION}


def score(
    perturbation_map: pd.DataFrame,
    options: GeneGeneOptions,
    bootstrap: BootstrapOptions,
    *,
    wells: pd.DataFrame | None = None,
    aligned: tuple[np.ndarray, pd.DataFrame] | None = None,
) -> Result:
    """Everything that this benchmark reports of one map.

    Parameters
    ----------
    perturbation_map : table of contract `map`
    wells : the screen's wells, for the recall of a map that knows experiments alone; None: not reported
    aligned : aligned vectors (n, d) and their wells, row for row, for the noise ceiling and levels beyond NR; None: not
        reported

    Returns
    -------
    Its own table is that of :func:`recall_table`. Metrics: `recall` of each source and joint, under each null;
    `recall_without_common`; those of :func:`summary_at_levels`, always among CRISPR rows; with `wells`
    `recall_of_experiments`; with `aligned` `split_half_recall` and `split_half_top1`.
    """
    parts, crispr = [], None
    for null in dict.fromkeys([options.null_rows, *options.also_null_rows]):
        found = Similarities(perturbation_map, null)
        crispr = found if null == "crispr" else crispr
        parts.append(summary(found, options, bootstrap).assign(null=null))
        if null == options.null_rows:
            own = recall_table(found, options)
            rest = recall_table(Similarities(perturbation_map, null, options.common_genes), options)
            parts.append(as_metric(rest, "recall_without_common").assign(null=null))
    if wells is not None:
        parts.append(
            as_metric(experiment_recall(wells, options), "recall_of_experiments").assign(
                null="crispr", alignment="none"
            )
        )
    of_map = crispr or Similarities(perturbation_map, "crispr")
    at_levels = similarities_at_levels(of_map, options.levels, aligned)
    parts.append(summary_at_levels(at_levels, options, bootstrap, len(of_map.genes)).assign(null="crispr"))
    if aligned is not None and options.split_half_repeats:
        parts.append(split_half_summary(split_half_by_guide(*aligned, options.thresholds, options.split_half_repeats)))
    return Result(tuple(parts), own)


def gene_gene_recall(
    perturbation_map: pd.DataFrame,
    sources: Sequence[str] = SOURCES,
    thresholds: Sequence[Sequence[float]] = THRESHOLDS,
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
    options = GeneGeneOptions(sources=sources, thresholds=thresholds, annotations=folder, aliases=aliases)
    return recall_table(Similarities(perturbation_map, null, exclude), options)


def recall_table(similarities: Similarities, options: GeneGeneOptions) -> pd.DataFrame:
    """:func:`gene_gene_recall` on similarities that are already there."""
    rows = []
    for source in options.sources:
        pairs = relationships(source, similarities.genes, options.annotations, options.aliases)
        for low, high in options.thresholds:
            hits = similarities.recalled(pairs, low, high)
            recall = hits.sum() / len(hits) if len(hits) else np.nan
            rows.append((source, float(low), float(high), recall, len(pairs), len(similarities.null)))
    return pd.DataFrame(rows, columns=RECALL_COLUMNS)


def experiment_map(wells: pd.DataFrame, seed: int = 0, dimension: int = 384) -> pd.DataFrame:
    """A map that knows experiments alone: each is a Gaussian vector, a gene the mean over its wells.

    Contract `map`, CRISPR rows only. Genes of one process were screened together, so such a map scores above
    chance: the null is not neutral.
    """
    crispr = wells[(wells["perturbation_type"] == "CRISPR") & wells["perturbation"].notna()]
    shares = pd.crosstab(crispr["perturbation"].astype(str), crispr["experiment"].astype(str), normalize="index")
    with threadpool_limits(1, "blas"):
        vectors = shares.to_numpy() @ np.random.default_rng(seed).normal(size=(shares.shape[1], dimension))
    keys = {"perturbation_type": "CRISPR", "perturbation": shares.index.to_numpy(), "concentration": np.nan}
    return pd.concat([pd.DataFrame(keys), pd.DataFrame(vectors).add_prefix("feature_")], axis=1)


def experiment_recall(wells: pd.DataFrame, options: GeneGeneOptions, draws: int = 10) -> pd.DataFrame:
    """:func:`gene_gene_recall` of :func:`experiment_map`, recalls averaged over draws of the experiments' vectors.

    Recalls are NaN where the experiments do not distinguish any genes.
    """
    maps = [experiment_map(wells, k) for k in range(draws)]
    features = maps[0][feature_columns(maps[0].columns)].to_numpy()
    if np.allclose(features, features[0]):  # one experiment, or all genes alike in every one
        rows = [(s, float(a), float(b), np.nan, 0, 0) for s in options.sources for a, b in options.thresholds]
        return pd.DataFrame(rows, columns=RECALL_COLUMNS)
    tables = [recall_table(Similarities(one), options) for one in maps]
    return tables[0].assign(recall=np.mean([table["recall"] for table in tables], axis=0))


def summary(similarities: Similarities, options: GeneGeneOptions, bootstrap: BootstrapOptions) -> pd.DataFrame:
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
    tables = _known_pairs(genes, options)
    sources, folder, aliases = options.sources, options.annotations, options.aliases
    other = {} if aliases else matched_names(sources, genes, folder, BUILT_IN)[1]
    say_unmatched(genes, *matched_names(sources, genes, folder, aliases), len(set(other.values())))
    without = [source for source, pairs in tables.items() if pairs.empty]
    if without:
        where = "any annotation" if len(without) == len(tables) else ", ".join(without)
        note(f"no two of the {len(genes)} genes of the map are a known pair of {where}, which gives no recall")
    for source, pairs in tables.items():
        if pairs.empty:
            continue
        recalled = [similarities.recalled(pairs, low, high) for low, high in options.thresholds]
        drawn = recalls_resamples(pairs, recalled, genes, bootstrap.resamples, bootstrap.seed)
        for (low, high), hits, samples in zip(options.thresholds, recalled, drawn):
            bounds = interval(samples, bootstrap.level)
            rows.append(("recall", source, float(low), float(high), hits.sum() / len(hits), len(hits), *bounds))
            if not hits.any():
                _say_zero(similarities, source, len(hits), low, high)
    return pd.DataFrame(rows, columns=SUMMARY_COLUMNS)


def _known_pairs(genes: Sequence[str], options: GeneGeneOptions) -> dict[str, pd.DataFrame]:
    """Known pairs among `genes` of each source, and of all jointly."""
    sources, folder, aliases = options.sources, options.annotations, options.aliases
    tables = {source: relationships(source, genes, folder, aliases) for source in sources}
    return tables | {"joint": joint_relationships(sources, genes, folder, aliases)}


def summary_at_levels(
    at_levels: Mapping[str, Similarities], options: GeneGeneOptions, bootstrap: BootstrapOptions, n_genes: int
) -> pd.DataFrame:
    """Recalls at each level, by both tails and by the right tail alone, with intervals over genes.

    Columns of :func:`summary`; the source is that of the known pairs (or `joint`) and the level, as `CORUM NSB`.
    Metrics: `recall_at_level`, `recall_right_tail` (known pairs among the most similar alone; `threshold_low` is 0),
    `share_of_pairs_left` (known pairs of the map that the level leaves; n: how many). A level that leaves fewer than
    :data:`LEAST` known pairs over all sources is noted, not scored.
    """
    parts = []
    for level, found in at_levels.items():
        tables = _known_pairs(found.genes, options)
        joint, left = tables["joint"], found.left(tables["joint"])
        if level != NO_RESTRICTION:
            text = f"gene_gene at {level}: {len(left):,} of {len(joint):,} known pairs of {n_genes:,} genes are left"
            note(text + (f"; fewer than {LEAST}, not scored" if len(left) < LEAST else ""))
            if len(left) < LEAST:
                continue
        for source, pairs in tables.items():
            if pairs.empty:
                continue
            kept = found.left(pairs)
            rows = [("share_of_pairs_left", np.nan, np.nan, len(kept) / len(pairs), len(kept), np.nan, np.nan)]
            tails = list(_tails(found, kept, options.thresholds)) if len(kept) else []
            recalled = [hits for *_, hits in tails]
            drawn = recalls_resamples(kept, recalled, found.genes, bootstrap.resamples, bootstrap.seed)
            for (metric, low, high, hits), samples in zip(tails, drawn):
                rows.append((metric, low, high, hits.mean(), len(kept), *interval(samples, bootstrap.level)))
            names = [name for name in SUMMARY_COLUMNS if name != "source"]
            parts.append(pd.DataFrame(rows, columns=names).assign(source=f"{source} {level}"))
    return pd.concat(parts)[SUMMARY_COLUMNS] if parts else pd.DataFrame(columns=SUMMARY_COLUMNS)


def _tails(
    found: Similarities, pairs: pd.DataFrame, thresholds: Sequence[Sequence[float]]
) -> Iterator[tuple[str, float, float, np.ndarray]]:
    """(metric, low, high, whether each pair is recalled) by both tails, and by the right one alone."""
    for low, high in thresholds:
        yield "recall_at_level", float(low), float(high), found.recalled(pairs, low, high).astype(float)
        yield "recall_right_tail", 0.0, float(high), found.in_right_tail(pairs, high).astype(float)


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


def as_metric(table: pd.DataFrame, metric: str) -> pd.DataFrame:
    """The table of :func:`gene_gene_recall` with its recalls as values of `metric`."""
    names = {"recall": "value", "n_relationships": "n"}
    return table.rename(columns=names).drop(columns="n_null_pairs").assign(metric=metric)


def paired_difference(
    first: Similarities, second: Similarities, options: GeneGeneOptions, bootstrap: BootstrapOptions
) -> pd.DataFrame:
    """Recall of `first` less that of `second`, with an interval from the same resamples of genes.

    Both are taken on the genes that both maps have; each map keeps its own null. Same columns as :func:`summary`,
    `joint` included.
    """
    genes = sorted(set(first.genes) & set(second.genes))
    tables = _known_pairs(genes, options)
    rows = []
    for source, pairs in tables.items():
        for low, high in options.thresholds if len(pairs) else ():
            hits = [one.recalled(pairs, low, high).astype(float) for one in (first, second)]
            samples = recalls_resamples(pairs, hits, genes, bootstrap.resamples, bootstrap.seed)
            bounds = interval(samples[0] - samples[1], bootstrap.level)
            value = hits[0].mean() - hits[1].mean()
            rows.append(("recall", source, float(low), float(high), value, len(pairs), *bounds))
    return pd.DataFrame(rows, columns=SUMMARY_COLUMNS)


def paired_difference_at_levels(
    first: Mapping[str, Similarities],
    second: Mapping[str, Similarities],
    options: GeneGeneOptions,
    bootstrap: BootstrapOptions,
) -> pd.DataFrame:
    """Recalls of `first` less those of `second` at the levels that both have, as :func:`summary_at_levels` gives them.

    On the genes and known pairs that both have, from the same resamples of genes; each keeps its own null.
    """
    rows = []
    for level in [name for name in first if name in second]:
        pair = first[level], second[level]
        genes = sorted(set(pair[0].genes) & set(pair[1].genes))
        tables = _known_pairs(genes, options)
        if level != NO_RESTRICTION and len(pair[1].left(pair[0].left(tables["joint"]))) < LEAST:
            continue
        for source, known in tables.items():
            kept = pair[1].left(pair[0].left(known))
            tails = [list(_tails(one, kept, options.thresholds)) if len(kept) else [] for one in pair]
            recalled = [hits for of_one in tails for *_, hits in of_one]
            drawn = recalls_resamples(kept, recalled, genes, bootstrap.resamples, bootstrap.seed)
            for number, ((metric, low, high, one), (*_, other)) in enumerate(zip(*tails)):
                bounds = interval(drawn[number] - drawn[len(tails[0]) + number], bootstrap.level)
                value = one.mean() - other.mean()
                rows.append((metric, f"{source} {level}", low, high, value, len(kept), *bounds))
    return pd.DataFrame(rows, columns=SUMMARY_COLUMNS)
