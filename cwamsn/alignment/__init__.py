"""Alignment: embeddings of wells, made comparable between experiments on their negative controls, then pooled.

`align` takes an array of embeddings (wells, features) and the wells it belongs to; `aggregate` pools the aligned wells
of each perturbation into a map. Both give the same digits for any order of the rows.
"""

from cwamsn.alignment.holdout import control_holdout_report
from cwamsn.alignment.methods import METHODS, align, align_options, parse_method
from cwamsn.alignment.pooling import aggregate
from cwamsn.vocabulary import RXRX3_DOSES as CONCENTRATIONS

__all__ = [
    "CONCENTRATIONS",
    "METHODS",
    "aggregate",
    "align",
    "align_options",
    "control_holdout_report",
    "parse_method",
]
