"""Keys of JUMP-Lite (`source: jump-lite`): an array (c, y, x) per field, called `source__batch__plate__well__site`."""

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import ClassVar, NamedTuple

from cwamsn.errors import InputError
from cwamsn.naming import plate_name
from cwamsn.screen_specs import ngff
from cwamsn.screen_specs.locations import local_path
from cwamsn.screen_specs.zarr_stores import ZarrSpec, files_below

_KEY = re.compile(r"(?P<source>.+?)__(?P<batch>.+)__(?P<plate>.+?)__(?P<well>[A-Za-z]{1,2}\d{1,2})__(?P<site>\d{1,9})")


class JumpLiteKey(NamedTuple):
    """What the name of an array says, and its path in the store."""

    path: str
    batch: str
    plate: str
    """Barcode."""
    well: str
    site: int


def _channels() -> dict[str, int]:
    return {"AGP": 0, "DNA": 1, "ER": 2, "Mito": 3, "RNA": 4}


@dataclass(frozen=True, kw_only=True)
class JumpLiteSpec(ZarrSpec):
    """Section `screens.<name>` of JUMP-Lite; `config/README.md` describes every key."""

    source: ClassVar[str] = "jump-lite"
    channels: dict[str, int] = field(default_factory=_channels)

    def stains(self) -> list[str]:
        """Those of `channels`."""
        return list(self.channels)

    def listed_plates(self) -> list[str]:
        """Plates that a local store has arrays of."""
        if "{plate}" in self.store:
            return self.stores_of_plates()
        location = self.place(self.store)
        folder = local_path(location)
        if folder is None:
            raise InputError("plates: must be listed for a store that is not on this machine")
        if not folder.is_dir():
            raise InputError(f"{folder}: no such store; correct `store` of the screen")
        return sorted({key.plate for key in local_keys(folder)})

    def image_files(self, unit: str) -> Iterator[Path]:
        """Metadata of the plate's arrays, and their chunks."""
        store = Path(self.store_location(unit).removeprefix("file://"))
        for key in sorted(local_keys(store)):
            if plate_name(key.plate) == unit:
                yield from (store / key.path / name for name in ngff.ARRAYS)
                if self.watch_images:
                    yield from files_below(store / key.path)


def parse_jump_lite_key(path: str) -> JumpLiteKey | None:
    """`x/source_4__Run1__BR0__J18__1` → its batch `source_4__Run1`, plate, well, site; None for any other path."""
    found = _KEY.fullmatch(path.rpartition("/")[2])
    if not found:
        return None
    return JumpLiteKey(
        path, f"{found['source']}__{found['batch']}", found["plate"], found["well"].upper(), int(found["site"])
    )


def keys_of(paths: Iterable[str], label: str) -> list[JumpLiteKey]:
    """The keys among the paths of a store's arrays. InputError, beginning with `label`, where there is none."""
    known = list(paths)
    found = [key for key in map(parse_jump_lite_key, known) if key]
    if not found:
        has = ", ".join(known[:3]) or "nothing"
        raise InputError(
            f"{label}: has no array called source__batch__plate__well__site (it has {has}); correct `store`"
        )
    return found


def local_keys(folder: Path) -> list[JumpLiteKey]:
    """Keys of a local store: of arrays in it, or in its groups."""
    return _local_keys(str(folder), folder.stat().st_mtime_ns)


def is_jump_lite(folder: Path) -> bool:
    """Whether a local store has arrays that are called as JUMP-Lite's."""
    return folder.is_dir() and any(map(parse_jump_lite_key, _arrays(str(folder))))


@lru_cache(maxsize=16)
def _local_keys(folder: str, changed: int) -> list[JumpLiteKey]:
    return keys_of(_arrays(folder), folder)


def _arrays(folder: str) -> Iterator[str]:
    """Paths of the folders in a store, and of those in them where they are no arrays."""
    for outer in sorted(os.scandir(folder), key=lambda entry: entry.name):
        if not outer.is_dir():
            continue
        if parse_jump_lite_key(outer.name):
            yield outer.name
        else:
            yield from sorted(f"{outer.name}/{inner.name}" for inner in os.scandir(outer.path) if inner.is_dir())
