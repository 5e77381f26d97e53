"""Retrieval of shared targets: compounds of one target, guides of one gene, and compounds with their targets' genes.

The tasks of CPJUMP1 (Chandrasekaran et al., Nature Methods 2024), with copairs' definitions of positives and negatives
(equal to copairs in the tests), at levels of stringency.
"""

from cwamsn.benchmarks.matching.retrieval import mean_by_target, retrieve
from cwamsn.benchmarks.matching.score import MatchingOptions, paired_difference, score, targets_of
from cwamsn.benchmarks.matching.targets import read_targets, targets_of_truth
from cwamsn.benchmarks.matching.tasks import Profiles, tasks_of

__all__ = [
    "MatchingOptions",
    "Profiles",
    "mean_by_target",
    "paired_difference",
    "read_targets",
    "retrieve",
    "score",
    "targets_of",
    "targets_of_truth",
    "tasks_of",
]
