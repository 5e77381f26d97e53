"""Stage 1: from a public host, a local folder or the simulator to raw images, a wells table and fields tables.

`parts` is called while the workflow's graph is built, so nothing heavy is imported before it is needed.
"""

from pathlib import Path

from cwamsn.lazy import lazy_names
from cwamsn.screens.planes import PlaneReader, read_plane
from cwamsn.screens.sources import (
    fetch_part,
    fetch_released_embeddings,
    fetch_truth,
    host_spec,
    lacks_images,
    local_files,
    part_state,
    parts,
    write_wells,
)

_HOME = {
    "layout_report": "layouts",
}

__all__ = [
    "PlaneReader",
    "fetch_part",
    "fetch_released_embeddings",
    "fetch_truth",
    "host_spec",
    "lacks_images",
    "layout_report",
    "local_files",
    "part_state",
    "parts",
    "read_plane",
    "write_wells",
]


__getattr__, __dir__ = lazy_names(__name__, _HOME)


def package_file(name: str) -> Path:
    """Path of a table that comes with this stage."""
    return Path(__file__).with_name(name)
