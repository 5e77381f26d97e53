"""Pictures of wells from a crop store: stains in colour, one contrast per plate, small files for pages.

A picture shows the first field of a well by name, never one that was chosen for its looks. Everything is a function of
the crops: equal crops give equal bytes.
"""

from cwamsn.pictures.colours import colour_names, stain_colours
from cwamsn.pictures.composite import composite, shrink, single
from cwamsn.pictures.contrast import Contrast, contrast_of, plate_contrasts
from cwamsn.pictures.files import encode_picture, media_type
from cwamsn.pictures.options import PictureOptions
from cwamsn.pictures.thumbnails import Thumbnails

__all__ = [
    "Contrast",
    "PictureOptions",
    "Thumbnails",
    "colour_names",
    "composite",
    "contrast_of",
    "encode_picture",
    "media_type",
    "plate_contrasts",
    "shrink",
    "single",
    "stain_colours",
]
