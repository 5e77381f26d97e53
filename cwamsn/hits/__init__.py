"""Hits: what a screen's profiles say of its perturbations, with calibrated p-values.

`neighbours` lists the perturbations nearest to some, `activity` says which differ from their controls, `hit_list` sums
up the doses of each. Method, formulas and limits: docs/hits.md.
"""

from cwamsn.hits.against_controls import activity
from cwamsn.hits.doses import hit_list
from cwamsn.hits.files import write_table
from cwamsn.hits.nearest import Neighbours, neighbours, neighbours_of, perturbations
from cwamsn.hits.of_profiles import activity_of_profiles, neighbours_of_profiles
from cwamsn.hits.options import ActivityOptions, NeighbourOptions

__all__ = [
    "ActivityOptions",
    "NeighbourOptions",
    "Neighbours",
    "activity",
    "activity_of_profiles",
    "hit_list",
    "neighbours",
    "neighbours_of",
    "neighbours_of_profiles",
    "perturbations",
    "write_table",
]
