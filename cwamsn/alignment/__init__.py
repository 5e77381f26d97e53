"""Alignment: embeddings of wells, made comparable between experiments on their negative controls, then pooled.

`align` takes an array of embeddings (wells, features) and the wells it belongs to; `aggregate` pools the aligned wells
of each perturbation into a map. Both give the same digits for any order of the rows. Names are loaded on first use.
"""

from cwamsn.lazy import lazy_names

_HOME = {
    "CONCENTRATIONS": "doses",
    "METHODS": "methods",
    "aggregate": "pooling",
    "align": "methods",
    "align_options": "methods",
    "control_holdout_report": "holdout",
    "doses_kept": "doses",
    "parse_method": "methods",
}
__all__ = sorted(_HOME)
__getattr__, __dir__ = lazy_names(__name__, _HOME)
