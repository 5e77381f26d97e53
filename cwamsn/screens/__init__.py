"""Stage 1: from a public host, a local folder or the simulator to raw images, a wells table and fields tables.

`units` is called while the workflow's graph is built, so nothing heavy is imported before it is needed.
"""

from pathlib import Path

from cwamsn.lazy import lazy_names
from cwamsn.screens.acquisition import (
    fetch_released_embeddings,
    fetch_truth,
    fetch_unit,
    host_spec,
    lacks_images,
    local_files,
    unit_state,
    units,
    write_wells,
)
from cwamsn.screens.planes.reader import PlaneReader, read_plane

_HOME = {
    "layout_report": "layouts",
}

__all__ = [
    "PlaneReader",
    "fetch_released_embeddings",
    "fetch_truth",
    "fetch_unit",
    "host_spec",
    "lacks_images",
    "layout_report",
    "local_files",
    "read_plane",
    "unit_state",
    "units",
    "write_wells",
]


__getattr__, __dir__ = lazy_names(__name__, _HOME)


def package_file(name: str) -> Path:
    """Path of a table that comes with this stage."""
    return Path(__file__).with_name(name)
