"""Do compounds resemble the knockouts of their known targets more than other genes? AP and AUC per compound.

EFAAR's compound-gene benchmark on RxRx3-core as its notebook of November 2024 runs it; the released package lacks it.
For each draw and compound, targets (nM <= 1000) are ranked against a random choice of other truth genes; a pair's score
is the absolute cosine of the two aggregated vectors.
"""

from cwamsn.benchmarks.compound_gene.benchmark import CompoundGeneOptions, score
from cwamsn.benchmarks.compound_gene.metrics import average_precision_and_auc, z_score
from cwamsn.benchmarks.compound_gene.scoring import Negatives, doses_of, score_compounds
from cwamsn.benchmarks.compound_gene.summaries import (
    compound_gene_table,
    paired_difference,
    pr_auc_by_treatment,
    summary,
    unseen_summary,
)
from cwamsn.benchmarks.compound_gene.truth import ACTIVE, load_truth, read_truth, say_missing, seen_compounds

__all__ = [
    "ACTIVE",
    "CompoundGeneOptions",
    "Negatives",
    "average_precision_and_auc",
    "compound_gene_table",
    "doses_of",
    "load_truth",
    "paired_difference",
    "pr_auc_by_treatment",
    "read_truth",
    "say_missing",
    "score",
    "score_compounds",
    "seen_compounds",
    "summary",
    "unseen_summary",
    "z_score",
]
