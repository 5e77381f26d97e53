"""Enrichment: are the nearest profiles of a compound or gene those that share its mechanism or pathway?"""

from cwamsn.benchmarks.enrichment.consensus import Consensus, consensus
from cwamsn.benchmarks.enrichment.contingency import exact_p, floor, odds_ratio, random_level
from cwamsn.benchmarks.enrichment.difference import paired_difference
from cwamsn.benchmarks.enrichment.ranking import Ranked, rank_partners, retrieved_for
from cwamsn.benchmarks.enrichment.relations import of_labels, of_pairs
from cwamsn.benchmarks.enrichment.score import EnrichmentOptions, score
from cwamsn.benchmarks.enrichment.summary import enrich, over_databases, summarise

__all__ = [
    "Consensus",
    "EnrichmentOptions",
    "Ranked",
    "consensus",
    "enrich",
    "exact_p",
    "floor",
    "odds_ratio",
    "of_labels",
    "of_pairs",
    "over_databases",
    "paired_difference",
    "random_level",
    "rank_partners",
    "retrieved_for",
    "score",
    "summarise",
]
