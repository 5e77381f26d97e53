"""Do compounds resemble the knockouts of their known targets more than other genes? AP and AUC per compound.

EFAAR's compound-gene benchmark on RxRx3-core as its notebook of November 2024 runs it; the released package lacks it.
For each draw and compound, targets (nM <= 1000) are ranked against a random choice of other truth genes; a pair's score
is the absolute cosine of the two aggregated vectors.
"""

from cwamsn.benchmarks.compound_gene.benchmark import CompoundGeneOptions, score
from cwamsn.benchmarks.compound_gene.metrics import METRICS, average_precision_and_auc, z_score
from cwamsn.benchmarks.compound_gene.scoring import (
    MAX,
    NEGATIVES,
    CompoundScores,
    Negatives,
    doses_of,
    pair_scores,
    score_compounds,
    subset,
)
from cwamsn.benchmarks.compound_gene.summaries import (
    compound_gene_table,
    counts,
    draws_as_scores,
    paired_difference,
    summary,
    unseen_summary,
)
from cwamsn.benchmarks.compound_gene.truth import (
    ACTIVE,
    AMBIGUOUS,
    TRUTH_COLUMNS,
    Truth,
    load_truth,
    read_truth,
    say_missing,
    seen_compounds,
)

__all__ = [
    "ACTIVE",
    "AMBIGUOUS",
    "MAX",
    "METRICS",
    "NEGATIVES",
    "TRUTH_COLUMNS",
    "CompoundGeneOptions",
    "CompoundScores",
    "Negatives",
    "Truth",
    "average_precision_and_auc",
    "compound_gene_table",
    "counts",
    "doses_of",
    "draws_as_scores",
    "load_truth",
    "pair_scores",
    "paired_difference",
    "read_truth",
    "say_missing",
    "score",
    "score_compounds",
    "seen_compounds",
    "subset",
    "summary",
    "unseen_summary",
    "z_score",
]
