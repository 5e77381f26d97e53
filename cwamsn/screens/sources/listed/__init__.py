"""What sources share whose images are listed, by a table or by file names, and whose wells are in plate maps.

A source hands over its listing (:class:`Listing`, one per plate) and, for the wells, the tables that name plates.
"""

from cwamsn.screens.sources.listed.acquire import ListedField, Listing, acquire_listed, place_of, say_losses
from cwamsn.screens.sources.listed.hint import hint
from cwamsn.screens.sources.listed.plate_maps import plate_map_of
from cwamsn.screens.sources.listed.wells import (
    PlateMaps,
    read_plate_maps,
    say_wells_without_entry,
    wells_of,
    wells_without_map,
)

__all__ = [
    "ListedField",
    "Listing",
    "PlateMaps",
    "acquire_listed",
    "hint",
    "place_of",
    "plate_map_of",
    "read_plate_maps",
    "say_losses",
    "say_wells_without_entry",
    "wells_of",
    "wells_without_map",
]
