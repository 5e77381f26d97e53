"""Stage 1: from a public host, a local folder or the simulator to raw images, a wells table and fields tables.

`parts` is called while the workflow's graph is built, so nothing heavy is imported before it is needed.
"""

from pathlib import Path
from typing import Any

from cwamsn.screens.planes import PlaneReader, read_plane
from cwamsn.screens.sources import fetch_part, fetch_released_embeddings, fetch_truth, host_spec, parts, write_wells

_LAZY = {
    "layout_report": "cwamsn.screens.layouts",
    "simulate_layout": "cwamsn.screens.simulate",
    "simulate_part": "cwamsn.screens.simulate",
    "simulated_parts": "cwamsn.screens.simulate",
}

__all__ = [
    "PlaneReader",
    "fetch_part",
    "fetch_released_embeddings",
    "fetch_truth",
    "host_spec",
    "layout_report",
    "parts",
    "read_plane",
    "simulate_layout",
    "simulate_part",
    "simulated_parts",
    "write_wells",
]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        import importlib

        return getattr(importlib.import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def package_file(name: str) -> Path:
    """Path of a table that comes with this stage."""
    return Path(__file__).with_name(name)
