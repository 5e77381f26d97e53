"""The benchmark: enrichment of a method's aligned wells, for labels of the user's and for known gene pairs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from cwamsn.benchmarks.annotations import relationships
from cwamsn.benchmarks.bootstrap import BootstrapOptions
from cwamsn.benchmarks.enrichment.consensus import consensus
from cwamsn.benchmarks.enrichment.ranking import rank_partners, retrieved_for
from cwamsn.benchmarks.enrichment.relations import of_labels, of_pairs, plain
from cwamsn.benchmarks.enrichment.summary import enrich, over_databases, summarise
from cwamsn.benchmarks.gene_gene import GeneGeneOptions
from cwamsn.benchmarks.scores import Result
from cwamsn.benchmarks.split_parts import by_split
from cwamsn.benchmarks.stringency import Level, levels_of, missing_column
from cwamsn.errors import InputError
from cwamsn.exposure import marked
from cwamsn.notes import note
from cwamsn.options import Options
from cwamsn.text_tables import read_text_table, require_columns
from cwamsn.vocabulary import MECHANISMS, PATHWAYS
from cwamsn.wells import is_treated

LEVELS = ("NR", "NSB", "NSS")
_SEPARATORS = {".tsv": "\t", ".txt": "\t"}


@dataclass(frozen=True, kw_only=True)
class EnrichmentOptions(Options):
    """The section `enrichment` of the configuration."""

    labels: str | None = None
    """Table with the label (mechanism of action) of a compound; None: no labels, known gene pairs alone."""
    item: str = "perturbation"
    """Column of the wells table whose values the label table names, and that makes wells one profile."""
    label_item: str | None = None
    """Column of the label table with those values; None: its first column."""
    label: str | None = None
    """Column with the label; None: its second column."""
    match: str = "whole"
    """See :func:`cwamsn.benchmarks.enrichment.relations.of_labels`."""
    levels: Sequence[str] = LEVELS
    test: str = "exact"
    """See :func:`cwamsn.benchmarks.enrichment.summary.enrich`."""
    threads: int = 1
    """Threads of a job; no digit depends on them."""


def score(
    features: np.ndarray,
    wells: pd.DataFrame,
    options: EnrichmentOptions,
    bootstrap: BootstrapOptions,
    *,
    gene_gene: GeneGeneOptions | None = None,
    in_sample: bool | None = False,
) -> Result:
    """Everything that this benchmark reports of one method's aligned wells.

    Parameters
    ----------
    features : (N, D) aligned vectors
    wells : their wells, row for row; controls take no part
    gene_gene : where the known pairs of a CRISPR screen are, and its gene symbols; default: the section's defaults
    in_sample : whether the method was trained on the screen that it is scored on, as the source says; None: unknown

    Returns
    -------
    Its own table is that of :func:`cwamsn.benchmarks.enrichment.summary.enrich` with `relation`, `level` and, where
    compounds are split, `split`. Metrics: those of :func:`cwamsn.benchmarks.enrichment.summary.summarise`; the source
    is the relation and the level, as `mechanisms NSB`, `CORUM NR` or, over all databases, `pathways NR`. Where
    compounds are split, mechanisms once more for each part, as `mechanisms NR, test`: all compounds are candidates,
    those of the part are queries.

    Raises
    ------
    InputError
        The screen has neither labels nor knockouts of genes, or a table cannot be used.
    """
    unknown = next((name for name in options.levels if name not in LEVELS), None)
    if unknown is not None:
        raise InputError(f"enrichment.levels: {unknown!r} is not one of {', '.join(LEVELS)}; a profile has no position")
    treated = is_treated(wells)
    features, wells = np.asarray(features)[treated], wells[treated].reset_index(drop=True)
    levels = [level for level in levels_of(options.levels) if _can_be_scored(level, wells)]
    suffix = marked("", in_sample)
    parts, tables = [], []
    pathways: dict[str, list[pd.DataFrame]] = {}
    for name, retrieved, table in _tables(features, wells, options, gene_gene or GeneGeneOptions(), levels):
        tables.append(table)
        for text, rows in by_split(table).items():
            parts.append(summarise(rows, retrieved, bootstrap).assign(source=f"{name}{text}{suffix}"))
        if not name.startswith(MECHANISMS):
            pathways.setdefault(name.rpartition(" ")[2], []).append(parts[-1])
    parts += [over_databases(found).assign(source=f"{PATHWAYS} {level}{suffix}") for level, found in pathways.items()]
    if not tables and options.labels is not None:
        raise InputError(
            f"{options.labels}: no two of the screen's {options.item}s share a label among enough candidates; correct "
            "enrichment.label, or take enrichment.match: any"
        )
    if not tables:
        raise InputError(
            "enrichment: the screen has no label table (enrichment.labels) and no known pair of genes; give labels, or "
            "leave enrichment out of evaluate"
        )
    return Result(tuple(parts), pd.concat(tables, ignore_index=True))


def _can_be_scored(level: Level, wells: pd.DataFrame) -> bool:
    why = missing_column(level, wells)
    if why is not None:
        note(f"enrichment at {level.name} ({level.text}) is not scored: {why}")
    return why is None


def _tables(
    features: np.ndarray,
    wells: pd.DataFrame,
    options: EnrichmentOptions,
    gene_gene: GeneGeneOptions,
    levels: Sequence[Level],
) -> Iterator[tuple[str, int, pd.DataFrame]]:
    """(source, k, its table) of every relation at every level."""
    if options.labels is not None:
        labels = read_labels(options.labels, options)
        if options.item not in wells:
            raise InputError(f"enrichment.item: the wells table has no column {options.item}")
        items = wells[options.item].where(wells[options.item].isin(labels.index))
        if items.isna().all():
            examples = ", ".join(map(repr, labels.index[:2]))
            raise InputError(
                f"{options.labels}: none of its {len(labels)} names ({examples} ...) is a {options.item} of the wells "
                f"(as {wells[options.item].dropna().iloc[:1].tolist()}); correct enrichment.item or label_item"
            )
        unknown = wells.loc[items.isna(), options.item].nunique()
        if unknown:
            note(
                f"enrichment: {unknown:,} of {wells[options.item].nunique():,} {options.item}s have no label, left out"
            )
        for level in levels:
            profiles = consensus(features, items, [wells[c] for c in level.differ])
            names = sorted(set(profiles.items))
            retrieved = retrieved_for(len(names) - 1, least=2)
            relation = of_labels(names, labels, options.match)
            queries = rank_partners(profiles, relation, bool(level.differ), options.threads)
            if not any(query.candidates > retrieved for query in queries):
                note(f"enrichment of {MECHANISMS} at {level.name} is not scored: no {options.item} has a partner there")
                continue
            table = enrich(queries, retrieved, options.test).assign(relation=MECHANISMS, level=level.name)
            yield f"{MECHANISMS} {level.name}", retrieved, _with_split(table, items, wells)
    genes = wells["gene"] if "gene" in wells else pd.Series(np.nan, index=wells.index, dtype=object)
    if genes.notna().any():
        yield from _of_genes(features, wells, genes, options, gene_gene, levels)


def _of_genes(
    features: np.ndarray,
    wells: pd.DataFrame,
    genes: pd.Series,
    options: EnrichmentOptions,
    gene_gene: GeneGeneOptions,
    levels: Sequence[Level],
) -> Iterator[tuple[str, int, pd.DataFrame]]:
    for level in levels:
        profiles = consensus(features, genes, [wells[c] for c in level.differ])
        names = sorted(set(profiles.items))
        retrieved = retrieved_for(len(names) - 1)
        for source in gene_gene.sources:
            pairs = relationships(source, names, gene_gene.annotations, gene_gene.aliases)
            queries = rank_partners(profiles, of_pairs(names, pairs), bool(level.differ), options.threads)
            if not any(query.candidates > retrieved for query in queries):
                note(f"enrichment of {source} at {level.name} is not scored: no gene has a partner in the screen")
                continue
            queries.sort(key=lambda query: (query.block, query.item))
            table = enrich(queries, retrieved, options.test).assign(relation=source, level=level.name)
            yield f"{source} {level.name}", retrieved, table


def _with_split(table: pd.DataFrame, items: pd.Series, wells: pd.DataFrame) -> pd.DataFrame:
    """With the part of the screen that each item is in, where it is split by compound."""
    if "split" not in wells:
        return table
    return table.assign(split=wells["split"].groupby(items).first().reindex(table["item"]).to_numpy())


def read_labels(path: str, options: EnrichmentOptions) -> pd.Series:
    """Label of each item, from a table with one row per item or rows that agree (a row per well).

    Rows without a label are left out. Raises InputError for a missing file or column, a Git LFS pointer, and an item
    with two labels.
    """
    file = Path(path)
    if not file.is_file():
        raise InputError(f"enrichment.labels: {path}: no such file; correct the path")
    frame = read_text_table(file, path, _SEPARATORS.get(file.suffix, ","))
    if len(frame.columns) < 2:
        raise InputError(f"{path}: has one column; an item and its label need two")
    item, label = options.label_item or frame.columns[0], options.label or frame.columns[1]
    require_columns(frame, (item, label), path)
    rows = frame.loc[(frame[item] != "") & (frame[label] != ""), [item, label]]
    rows = rows[~pd.DataFrame({"item": rows[item], "label": rows[label].map(plain)}).duplicated()]
    twice = rows[item].duplicated()
    if twice.any():
        name = rows[item][twice].iloc[0]
        texts = " and ".join(repr(text) for text in rows.loc[rows[item] == name, label][:2])
        raise InputError(f"{path}: {name} has the labels {texts}; keep one, several are joined by '|'")
    if rows.empty:
        raise InputError(f"{path}: no row has both {item} and {label}; correct label_item or label")
    return rows.set_index(item)[label]
