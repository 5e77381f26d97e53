"""Alignment: embeddings of wells, made comparable between experiments on their negative controls, then pooled.

`align` takes an array of embeddings (wells, features) and the wells it belongs to; `aggregate` pools the aligned wells
of each perturbation into a map. Both give the same digits for any order of the rows.
"""

from cwamsn.alignment.aggregate import CONCENTRATIONS, aggregate
from cwamsn.alignment.align import METHODS, align, parse_method
from cwamsn.alignment.holdout import control_holdout_report

__all__ = ["CONCENTRATIONS", "METHODS", "aggregate", "align", "control_holdout_report", "parse_method"]
