"""How much one method scores above another, with intervals on the same resamples of genes, compounds or groups."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

import numpy as np
import pandas as pd

from cwamsn.benchmarks import compound_gene as cg
from cwamsn.benchmarks import enrichment as en
from cwamsn.benchmarks import gene_gene as gg
from cwamsn.benchmarks import matching as mt
from cwamsn.benchmarks import stringency as st
from cwamsn.benchmarks.bootstrap import BootstrapOptions
from cwamsn.benchmarks.gene_gene_levels import similarities_at_levels
from cwamsn.benchmarks.scores import Result
from cwamsn.options import Options

Two = tuple[pd.DataFrame, pd.DataFrame]
"""A table of the first method, and of the second."""
Aligned = tuple[np.ndarray, pd.DataFrame]
"""Aligned vectors (n, d) and their wells, row for row."""


@dataclass(frozen=True, kw_only=True)
class ComparisonOptions(Options):
    """The sections of the configuration that both methods are scored by."""

    gene_gene: gg.GeneGeneOptions = field(default_factory=gg.GeneGeneOptions)
    compound_gene: cg.CompoundGeneOptions = field(default_factory=cg.CompoundGeneOptions)
    bootstrap: BootstrapOptions = field(default_factory=BootstrapOptions)


@dataclass(frozen=True, kw_only=True)
class OfWells:
    """What two methods have beside their maps; None: not compared."""

    aligned: tuple[Aligned, Aligned] | None = None
    """For gene-gene recalls at levels beyond NR."""
    retrieval: Two | None = None
    """The benchmark's own tables."""
    enrichment: Two | None = None
    """The benchmark's own tables."""
    matching: Two | None = None
    """The benchmark's own tables."""


def score(
    maps: Two | None,
    other: str,
    options: ComparisonOptions,
    *,
    truth: pd.DataFrame | None = None,
    doses: Sequence[float] | None = None,
    of_wells: OfWells | None = None,
) -> Result:
    """Scores of the first method less those of the second.

    Parameters
    ----------
    maps : two tables of contract `map`, for recalls and, with `truth`, mean AP and AUC; None: neither
    other : name of the second method; metrics end in `_minus_<other>`
    truth : as :func:`cwamsn.benchmarks.compound_gene.load_truth` gives it
    doses : doses scored, in µM; None: every dose of the first map
    of_wells : what is compared of wells; None: nothing

    Returns
    -------
    Metrics of the benchmarks: `recall`, `recall_at_level`, `recall_right_tail`; `average_precision_mean`,
    `auc_roc_mean`; those of the `paired_difference` of :mod:`cwamsn.benchmarks.stringency`,
    :mod:`cwamsn.benchmarks.enrichment` and :mod:`cwamsn.benchmarks.matching`.
    """
    of_wells = of_wells or OfWells()
    parts = []
    if maps is not None:
        parts += _of_maps(maps, options, truth, doses, of_wells.aligned)
    if of_wells.retrieval is not None:
        parts.append(st.paired_difference(*of_wells.retrieval, options.bootstrap))
    if of_wells.enrichment is not None:
        parts.append(en.paired_difference(*of_wells.enrichment, options.bootstrap).assign(null=None))
    if of_wells.matching is not None:
        parts.append(mt.paired_difference(*of_wells.matching, options.bootstrap).assign(null=None))
    return Result(tuple(part.assign(metric=part["metric"] + f"_minus_{other}") for part in parts))


def _of_maps(
    maps: Two,
    options: ComparisonOptions,
    truth: pd.DataFrame | None,
    doses: Sequence[float] | None,
    aligned: tuple[Aligned, Aligned] | None,
) -> list[pd.DataFrame]:
    null = options.gene_gene.null_rows
    similarities = [gg.Similarities(one, null) for one in maps]
    parts = [gg.paired_difference(similarities[0], similarities[1], options.gene_gene, options.bootstrap)]
    if truth is not None:
        doses = doses or cg.doses_of(maps[0])
        draws, negatives = options.compound_gene.draws, options.compound_gene.negatives
        first, second = (cg.score_compounds(one, truth, draws, negatives, doses) for one in maps)
        parts.append(cg.paired_difference(first, second, **asdict(options.bootstrap)))
    parts = [part.assign(null=null) for part in parts]
    crispr = similarities if null == "crispr" else [gg.Similarities(one, "crispr") for one in maps]
    wells = aligned or (None, None)
    levels = [similarities_at_levels(one, options.gene_gene.levels, own) for one, own in zip(crispr, wells)]
    at_levels = gg.paired_difference_at_levels(levels[0], levels[1], options.gene_gene, options.bootstrap)
    return [*parts, at_levels.assign(null="crispr")]
