"""Digests of the user's own files that tell, without reading them, whether they have changed."""

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

from cwamsn.screen_specs.locations import local_path


def state_of(locations: Iterable[str | Path], also: str = "") -> str:
    """Digest of `also` and of the sizes and times of those of `locations` that are local."""
    paths = (local_path(location) for location in locations)
    return state_of_paths((str(path) for path in paths if path is not None), also)


def state_of_paths(paths: Iterable[str], also: str = "") -> str:
    """The same for plain paths, quick: it looks at every image of a screen while the graph forms."""
    told = []
    for path in paths:
        try:
            found = os.stat(path)  # noqa: PTH116 - half the time of Path.stat
        except (OSError, ValueError):
            told.append("absent")
        else:
            told.append(f"{found.st_size} {found.st_mtime_ns}")
    return hashlib.sha256("\n".join([also, *told]).encode()).hexdigest()[:16]
