"""Everything that the compound-gene benchmark reports of one map."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass

import pandas as pd

from cwamsn.benchmarks.bootstrap import BootstrapOptions
from cwamsn.benchmarks.compound_gene.scoring import doses_of, score_compounds
from cwamsn.benchmarks.compound_gene.summaries import (
    compound_gene_table,
    counts,
    draws_as_scores,
    pr_auc_by_treatment,
    summary,
    unseen_summary,
)
from cwamsn.benchmarks.compound_gene.truth import say_missing
from cwamsn.benchmarks.scores import Result
from cwamsn.options import Options


@dataclass(frozen=True, kw_only=True)
class CompoundGeneOptions(Options):
    """The section `compound_gene` of the configuration."""

    draws: int = 100
    """Random choices of negative genes; draw k is seeded with k."""
    negatives: str = "published"
    """See :func:`score_compounds`."""
    truth: str | None = None
    """Path of a truth table in place of the screen's own."""


def score(
    perturbation_map: pd.DataFrame,
    truth: pd.DataFrame,
    options: CompoundGeneOptions,
    bootstrap: BootstrapOptions,
    *,
    doses: Sequence[float] | None = None,
    seen: Collection[str] | None = None,
) -> Result:
    """AP and AUC of the map's compounds, by draw and over all draws.

    Parameters
    ----------
    perturbation_map : table of contract `map`
    truth : as :func:`load_truth` gives it
    doses : doses scored, in µM; None: every dose of the map
    seen : compounds that training saw; their absence is scored too. None: the method was not trained on another screen

    Returns
    -------
    Its own table is that of :func:`compound_gene_table`. Metrics: those of :func:`draws_as_scores`, :func:`summary`,
    :func:`counts`, :func:`pr_auc_by_treatment` and, with `seen`, :func:`unseen_summary`.
    """
    say_missing(truth, perturbation_map)
    doses = doses or doses_of(perturbation_map)
    scores = score_compounds(perturbation_map, truth, options.draws, options.negatives, doses)
    table = compound_gene_table(scores)
    parts = [draws_as_scores(table), summary(scores, **asdict(bootstrap)), counts(scores.truth)]
    every_pair = score_compounds(perturbation_map, truth, 1, "all", doses, say=False)
    parts.append(pr_auc_by_treatment(every_pair, **asdict(bootstrap)))
    if seen is not None:
        parts.append(unseen_summary(scores, seen, **asdict(bootstrap)))
    return Result(tuple(parts), table)
