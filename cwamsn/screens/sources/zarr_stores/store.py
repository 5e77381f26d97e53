"""One store of a unit: its metadata, and those of its files that the unit's planes are read from."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cwamsn.screen_specs import ngff
from cwamsn.screen_specs.base import Retry
from cwamsn.screen_specs.locations import Remote, join, local_path, shown_uri
from cwamsn.screens.hosts import Fetched, Forbidden, Missing, fetch
from cwamsn.screens.sources.raw import Raw


class Store:
    """The Zarr store at `location`, a path or URL. With `raw`, every file that is read is noted there."""

    def __init__(self, location: str, cache: Path, how: Retry, raw: Raw | None = None) -> None:
        folder = local_path(location)
        self.location = location.rstrip("/") if folder is None else str(folder)
        self.local, self.cache, self.how, self.raw = folder is not None, cache, how, raw
        self.name = f"{ngff.store_stem(self.location)}.zarr"
        self.metadata: dict[str, Fetched] = {}
        """Files of metadata that were read, by their path in the store."""
        self._absent: set[str] = set()  # files by which formats differ, found to be of no use in this store
        self._taken: dict[str, bool] = {}
        self._refused: Forbidden | None = None

    def label(self, path: str) -> str:
        """A group or array, for messages."""
        return join(self.location, path) if path else self.location

    def uri(self, path: str) -> str:
        """The group or array at `path` as a URI, where it will lie when the unit's raw files do."""
        if self.local:
            return shown_uri(Path(self.location) / path)
        if self.raw is None or self.raw.glances:
            return self.label(path)
        return shown_uri(self.raw.unit.raw / self.name / path)

    def attributes(self, path: str) -> Mapping[str, Any] | None:
        """Attributes of a group, None where none is there. The first call, for the root, decides the format."""
        found = ngff.attributes_of(self.read, path, self.location)
        if path == "":
            if found is None and self._refused is not None:
                raise self._refused
            if found is not None and "zarr.json" in self._taken:
                self._absent.add(".zattrs" if self._taken["zarr.json"] else "zarr.json")
        return found

    def array(self, path: str, axes: tuple[str, ...] | None) -> ngff.Array | None:
        """The array at `path`, None where none is there."""
        return ngff.array_of(self.read, path, self.location, axes)

    def read(self, path: str) -> bytes | None:
        """Content of a file of metadata, None where it is not there."""
        if path.rpartition("/")[2] in self._absent:
            return None
        place = join(self.location, path)
        try:
            fetched = fetch(Remote(place), self.cache, self.how)
        except Missing:
            self._taken[path] = False
            return None
        except Forbidden as error:  # what a bucket that may not be listed says of a file that is not there
            if "/" in path:
                raise
            self._refused, self._taken[path] = error, False
            return None
        self._taken[path] = True
        self.metadata[path] = fetched
        if self.raw is not None:
            self.raw.add(fetched, f"{self.name}/{path}")
        return fetched.path.read_bytes()

    def take(self, path: str) -> bool:
        """Have a file of pixels for the unit; False where it is not there."""
        if path not in self._taken:
            assert self.raw is not None
            try:
                fetched = self.raw.get(Remote(join(self.location, path)), self.cache, self.how)
            except Missing:
                self._taken[path] = False
            else:
                self.raw.add(fetched, f"{self.name}/{path}")
                self._taken[path] = True
        return self._taken[path]

    def take_plane(self, path: str, array: ngff.Array, chosen: Mapping[str, Sequence[int]], absent: str) -> str:
        """Have the chunks of planes of the array at `path`; why that is not possible, or ''.

        chosen : places along t, c and z, an axis that is not named standing for all of it. absent : what a chunk that
        is not there means, `refuse` or `zero` (all its pixels are the fill value).
        """
        names = list(array.chunk_files(chosen))
        lost = [name for name in names if not self.take(f"{path}/{name}" if path else name)]
        if lost and (absent == "refuse" or len(lost) == len(names)):
            return f"chunk {lost[0]} of {self.label(path)} is not there ({len(lost)} of {len(names)})"
        return ""
