"""How much one method scores above another, with intervals on the same resamples of genes and compounds."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

import pandas as pd

from cwamsn.benchmarks import compound_gene as cg
from cwamsn.benchmarks import gene_gene as gg
from cwamsn.benchmarks.bootstrap import BootstrapOptions
from cwamsn.benchmarks.scores import Result
from cwamsn.options import Options


@dataclass(frozen=True, kw_only=True)
class ComparisonOptions(Options):
    """The sections of the configuration that both methods are scored by."""

    gene_gene: gg.GeneGeneOptions = field(default_factory=gg.GeneGeneOptions)
    compound_gene: cg.CompoundGeneOptions = field(default_factory=cg.CompoundGeneOptions)
    bootstrap: BootstrapOptions = field(default_factory=BootstrapOptions)


def score(
    maps: tuple[pd.DataFrame, pd.DataFrame],
    other: str,
    options: ComparisonOptions,
    *,
    truth: pd.DataFrame | None = None,
    doses: Sequence[float] | None = None,
) -> Result:
    """Recalls and, with `truth`, mean AP and AUC of the first map less those of the second.

    Parameters
    ----------
    maps : two tables of contract `map`
    other : name of the second method; metrics end in `_minus_<other>`
    truth : as :func:`cwamsn.benchmarks.compound_gene.load_truth` gives it
    doses : doses scored, in µM; None: every dose of the first map
    """
    similarities = [gg.Similarities(one, options.gene_gene.null_rows) for one in maps]
    parts = [gg.paired_difference(similarities[0], similarities[1], options.gene_gene, options.bootstrap)]
    if truth is not None:
        doses = doses or cg.doses_of(maps[0])
        draws, negatives = options.compound_gene.draws, options.compound_gene.negatives
        first, second = (cg.score_compounds(one, truth, draws, negatives, doses) for one in maps)
        parts.append(cg.paired_difference(first, second, **asdict(options.bootstrap)))
    null = options.gene_gene.null_rows
    return Result(tuple(part.assign(metric=part["metric"] + f"_minus_{other}", null=null) for part in parts))
