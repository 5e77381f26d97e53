"""MorphoHELM's scores as its code computes them, to stand beside the published ones.

The benchmarks `retrieval` and `enrichment` ask the same questions in the way that this project recommends: every well a
query, ties counted half, exact p-values. Here every choice is the published code's (arXiv 2605.15383 and its
repository), its defects included: one drawn well per compound as the query of a mean average precision, tied positives
that share a rank, p-values from 100 draws with one seed. docs/benchmarks.md lists them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from cwamsn.benchmarks.bootstrap import BootstrapOptions
from cwamsn.benchmarks.enrichment import (
    consensus,
    enrich,
    of_labels,
    of_pairs,
    over_databases,
    rank_partners,
    retrieved_for,
    summarise,
)
from cwamsn.benchmarks.scores import Result
from cwamsn.benchmarks.stringency import RetrievalOptions, retrieve
from cwamsn.benchmarks.stringency import summarise as summarise_retrieval
from cwamsn.errors import InputError
from cwamsn.exposure import marked
from cwamsn.text_tables import read_text_table, require_columns
from cwamsn.wells import is_treated

RETRIEVED = ("cpg-tgt2", "cpg-compound")
"""Sets that replicates are retrieved of; mechanisms or pathways are enriched in the others."""
LEVELS = ("NR", "NSB", "NSS", "NSL")
_SEED = 42


@dataclass(frozen=True)
class Relations:
    """What makes two perturbations of a set partners."""

    labels: pd.Series | None = None
    """Mechanism by compound."""
    pairs: pd.DataFrame | None = None
    """`database, first, second`: pairs of gene symbols."""


def read_relations(labels: str | Path | None = None, pairs: str | Path | None = None) -> Relations:
    """Relations from the files that a screen of the source `morphohelm` writes; None: the set has none of them."""
    mechanisms = None
    if labels is not None:
        frame = read_text_table(Path(labels), str(labels))
        require_columns(frame, ("perturbation", "label"), str(labels))
        mechanisms = frame.set_index("perturbation")["label"]
    return Relations(mechanisms, None if pairs is None else pd.read_parquet(pairs))


def score(
    features: np.ndarray,
    wells: pd.DataFrame,
    name: str,
    bootstrap: BootstrapOptions,
    *,
    relations: Relations | None = None,
    in_sample: bool | None = False,
    threads: int = 1,
) -> Result:
    """What the preprint reports of one model on one of its sets.

    Parameters
    ----------
    features : (N, D) vectors of wells
    wells : their wells, row for row; those of a screen with the source `morphohelm`
    name : of the set
    relations : of a set whose enrichment is scored
    in_sample : whether the method was trained on these wells; None: unknown
    threads : of products of all wells; no digit depends on them

    Returns
    -------
    Source of each score: the set and the level, as `cpg-tgt2 NSB`; of a database `cpg-crispr CORUM NSB`. Replicates:
    `recall_at_1` over wells, and `mean_average_precision` over compounds, of one drawn well each, with the kind of
    distractor as null. Enrichment: as :func:`cwamsn.benchmarks.enrichment.summary.summarise`.

    Raises
    ------
    InputError
        The relations of the set are missing, the wells have no `table_row`, or a vector is not finite.
    """
    relations, suffix = relations or Relations(), marked("", in_sample)
    if "table_row" not in wells:
        raise InputError("morphohelm: the wells have no table_row; score a screen of the source morphohelm")
    order = np.argsort(wells["table_row"].to_numpy(), kind="stable")
    features, wells = np.asarray(features)[order], wells.iloc[order].reset_index(drop=True)
    if name in RETRIEVED:
        parts, table = _replicates(features, wells, bootstrap, threads)
    elif name == "cpg-crispr":
        parts, table = _pathways(features, wells, relations.pairs, bootstrap, threads)
    else:
        parts, table = _mechanisms(features, wells, name, relations.labels, bootstrap, threads)
    return Result(tuple(part.assign(source=f"{name} " + part["source"] + suffix) for part in parts), table)


def drawn_queries(wells: pd.DataFrame) -> np.ndarray:
    """(N,) bool: one treated well of each perturbation that has several, as the published code draws it.

    wells : in the order of the published table; one stream (RandomState(42)) draws for all, in sorted order
    """
    state = np.random.RandomState(_SEED)
    rows = pd.Series(np.flatnonzero(is_treated(wells)))
    chosen = np.zeros(len(wells), dtype=bool)
    for _, members in rows.groupby(wells["perturbation"].to_numpy(str)[rows], sort=True):
        if len(members) > 1:
            chosen[state.choice(members.to_numpy())] = True
    return chosen


def _replicates(
    features: np.ndarray, wells: pd.DataFrame, bootstrap: BootstrapOptions, threads: int
) -> tuple[list[pd.DataFrame], pd.DataFrame]:
    options = RetrievalOptions(levels=LEVELS, same=("perturbation",), ties="code", least=1, threads=threads)
    table = retrieve(features, wells, options)
    drawn = table["well_id"].isin(wells["well_id"][drawn_queries(wells)]).to_numpy()
    recall, precision = summarise_retrieval(table, bootstrap), summarise_retrieval(table[drawn], bootstrap)
    both = [
        recall[recall["metric"].isin(["recall_at_1", "recall_at_1_by_group"])],
        precision[precision["metric"] == "mean_average_precision"],
    ]
    return [part.assign(source=part["level"], null=part["distractors"]) for part in both], table.assign(drawn=drawn)


def _mechanisms(
    features: np.ndarray,
    wells: pd.DataFrame,
    name: str,
    labels: pd.Series | None,
    bootstrap: BootstrapOptions,
    threads: int,
) -> tuple[list[pd.DataFrame], pd.DataFrame]:
    if labels is None:
        raise InputError(f"morphohelm: {name} needs the labels of its compounds")
    # labels are equal where their texts are, whatever they list
    exact = pd.Series([f"m{code}" for code in pd.factorize(labels)[0]], index=labels.index)
    kept = is_treated(wells) & wells["perturbation"].isin(labels.index).to_numpy()
    if not kept.any():
        raise InputError(f"morphohelm: no well of {name} is of a compound with a label")
    features, wells = features[kept], wells[kept].reset_index(drop=True)
    items = wells["perturbation"]
    names = sorted(set(items))
    relation = of_labels(names, exact)
    several = name != "bbbc036"
    retrieved = retrieved_for(len(names) - 1, least=1 if several else 2)
    parts, tables = [], []
    for level, blocks in _blocks_of(wells, several):
        profiles = consensus(features, items, blocks)
        if level == "NR" and several:  # the mean of the means of batches
            profiles = consensus(profiles.vectors, profiles.items)
        queries = rank_partners(profiles, relation, level != "NR", threads)
        tables.append(enrich(queries, retrieved, "drawn-positions").assign(relation="mechanisms", level=level))
        parts.append(summarise(tables[-1], retrieved, bootstrap).assign(source=level))
    return parts, pd.concat(tables, ignore_index=True)


def _blocks_of(wells: pd.DataFrame, several: bool) -> Iterator[tuple[str, list[pd.Series]]]:
    """Levels of a set, and what a profile is of beside its compound; the first column is what the level excludes."""
    if not several:
        yield "NR", []
        return
    yield "NR", [wells["source"], wells["experiment"]]
    yield "NSB", [wells["experiment"], wells["source"]]
    yield "NSS", [wells["source"], wells["experiment"]]


def _pathways(
    features: np.ndarray, wells: pd.DataFrame, pairs: pd.DataFrame | None, bootstrap: BootstrapOptions, threads: int
) -> tuple[list[pd.DataFrame], pd.DataFrame]:
    if pairs is None:
        raise InputError("morphohelm: cpg-crispr needs the pairs of its genes")
    kept = is_treated(wells)
    features, genes, batches = features[kept], wells["gene"][kept], wells["experiment"][kept]
    names = sorted(set(genes))
    retrieved = retrieved_for(len(names) - 1)
    parts, tables = [], []
    for level, blocks in (("NR", []), ("NSB", [batches])):
        profiles = consensus(features, genes, blocks)
        found = []
        for database, own in pairs.groupby("database", sort=True):
            queries = rank_partners(profiles, of_pairs(names, own[["first", "second"]]), level != "NR", threads)
            queries.sort(key=lambda query: (query.block, query.item))  # one stream draws for all, in this order
            table = enrich(queries, retrieved, "drawn-counts").assign(relation=database, level=level)
            tables.append(table)
            found.append(summarise(table, retrieved, bootstrap).assign(source=f"{database} {level}"))
        parts += [*found, over_databases(found).assign(source=level)]
    return parts, pd.concat(tables, ignore_index=True)
