"""An atlas of a screen: one page with the map of wells and perturbations, their images and neighbours.

`make_atlas` makes the page from files. What it shows and how large it grows: docs/atlas.md.
"""

from cwamsn.atlas.build import Atlas, build_atlas, with_umap
from cwamsn.atlas.make import AtlasInputs, make_atlas
from cwamsn.atlas.options import AtlasOptions
from cwamsn.atlas.page import write_atlas
from cwamsn.atlas.projections import pca_map, principal_components, umap_map
from cwamsn.atlas.source import read_source

__all__ = [
    "Atlas",
    "AtlasInputs",
    "AtlasOptions",
    "build_atlas",
    "make_atlas",
    "pca_map",
    "principal_components",
    "read_source",
    "umap_map",
    "with_umap",
    "write_atlas",
]
