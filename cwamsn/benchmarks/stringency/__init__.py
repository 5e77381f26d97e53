"""Levels of stringency: which wells may answer a query, so that a batch, source or position cannot give the answer."""

from cwamsn.benchmarks.stringency.difference import paired_difference
from cwamsn.benchmarks.stringency.levels import LEVELS, Level, levels_of, missing_column, pairs_left
from cwamsn.benchmarks.stringency.retrieval import RetrievalOptions, retrieve, score, summarise

__all__ = [
    "LEVELS",
    "Level",
    "RetrievalOptions",
    "levels_of",
    "missing_column",
    "paired_difference",
    "pairs_left",
    "retrieve",
    "score",
    "summarise",
]
