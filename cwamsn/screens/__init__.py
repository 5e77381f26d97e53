"""Stage 1: from a public host, a local folder or the simulator to raw images, a wells table and fields tables.

What can be said of a screen before anything is fetched, and without pandas, is in :mod:`cwamsn.screen_specs`.
"""

from cwamsn.screens.acquisition import (
    fetch_gene_pairs,
    fetch_labels,
    fetch_relations,
    fetch_released_embeddings,
    fetch_truth,
    fetch_unit,
    fetch_well_table,
    write_wells,
)
from cwamsn.screens.layouts import layout_report
from cwamsn.screens.names import parse_addresses
from cwamsn.screens.planes import PlaneReader, read_plane

__all__ = [
    "PlaneReader",
    "fetch_gene_pairs",
    "fetch_labels",
    "fetch_relations",
    "fetch_released_embeddings",
    "fetch_truth",
    "fetch_unit",
    "fetch_well_table",
    "layout_report",
    "parse_addresses",
    "read_plane",
    "write_wells",
]
