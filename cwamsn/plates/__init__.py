"""Plates as heat maps: cells, grey levels, focus, distance to controls or any feature, with pictures of the wells.

`write_plates` makes the page; `outstanding_positions` finds the positions that differ from the rest of their plate over
plates.
"""

from cwamsn.plates.distance import distance_to_controls
from cwamsn.plates.montages import Montages, plate_pictures, write_montages
from cwamsn.plates.numbers import Number, numbers_of_profiles, numbers_of_qc, numbers_of_wells
from cwamsn.plates.page import plate_table, write_page
from cwamsn.plates.positions import outstanding_positions, standardised
from cwamsn.plates.view import MONTAGES, PAGE, PlateOptions, write_plates

__all__ = [
    "MONTAGES",
    "PAGE",
    "Montages",
    "Number",
    "PlateOptions",
    "distance_to_controls",
    "numbers_of_profiles",
    "numbers_of_qc",
    "numbers_of_wells",
    "outstanding_positions",
    "plate_pictures",
    "plate_table",
    "standardised",
    "write_montages",
    "write_page",
    "write_plates",
]
