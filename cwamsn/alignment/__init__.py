"""Alignment: embeddings of wells, made comparable between experiments on their negative controls, then pooled.

`align` takes an array of embeddings (wells, features) and the wells it belongs to; `aggregate` pools the aligned wells
of each perturbation into a map. Both return the same digits for any order of the rows.
"""

from cwamsn.alignment.holdout import control_holdout_report
from cwamsn.alignment.methods import align
from cwamsn.alignment.of_embeddings import aligned_embeddings, keeps_features
from cwamsn.alignment.options import AlignOptions
from cwamsn.alignment.pooling import aggregate
from cwamsn.alignment_names import METHODS
from cwamsn.vocabulary import RXRX3_DOSES as CONCENTRATIONS

__all__ = [
    "CONCENTRATIONS",
    "METHODS",
    "AlignOptions",
    "aggregate",
    "align",
    "aligned_embeddings",
    "control_holdout_report",
    "keeps_features",
]
