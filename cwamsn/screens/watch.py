"""Digests of the user's own files that tell, without reading them, whether they have changed."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from cwamsn.screens.locations import local_path


def state_of(locations: Iterable[str | Path], also: str = "") -> str:
    """Digest of `also` and of the sizes and times of those of `locations` that are local; about 5 µs a file."""
    told = hashlib.sha256(also.encode())
    for location in locations:
        path = local_path(location)
        if path is not None:
            told.update(_stamp(path))
    return told.hexdigest()[:16]


def _stamp(path: Path) -> bytes:
    try:
        found = path.stat()
    except (OSError, ValueError):
        return b"absent "
    return f"{found.st_size} {found.st_mtime_ns} ".encode()
