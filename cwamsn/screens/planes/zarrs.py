"""Planes of images in Zarr stores: one channel of the first scale of an OME-Zarr image, or of a plain array."""

import warnings
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from cwamsn.screen_specs import ngff
from cwamsn.screen_specs.selection import Selection
from cwamsn.screens.planes.bounds import DECLARE, GREY, Refused, within_bounds
from cwamsn.screens.planes.stacks import projected

_MOST_CHUNK = 1 << 30  # bytes of a chunk, unpacked; a field of 2,160 x 2,560 pixels in five stains has 55 MB
_NAMES = {"t": "times", "c": "channels", "z": "depths (z)"}
_KEYS = {"t": "t=0", "c": "c=1", "z": "z=3, z=max"}


class ZarrImage:
    """The array of an image, opened once. `path` is the group of an OME-Zarr image, or an array.

    Raises Refused for metadata that name no array of planes; what reads the chunks may raise anything.
    """

    def __init__(self, path: str) -> None:
        self.path, read = Path(path), ngff.read_folder(path)
        array = ngff.array_of(read, "", path)
        self.dataset = ""
        if array is None:
            image = ngff.image_of(ngff.attributes_of(read, "", path), path)
            self.dataset = image.dataset
            array = ngff.array_of(read, image.dataset, path, image.axes)
        if array is None:
            raise Refused(f"its array {self.dataset} is not in the store; copy it again")
        self.array = array
        within_bounds(array.size("y"), array.size("x"))
        self.pixels = _opened(self.path / self.dataset)
        if self.pixels.dtype.itemsize * int(np.prod(self.pixels.chunks)) > _MOST_CHUNK:
            raise Refused(f"its chunks unpack to more than {_MOST_CHUNK >> 30} GiB")

    def close(self) -> None:
        """Nothing stays open."""

    def plane(self, selection: Selection, stack: str | int, any_type: bool) -> np.ndarray:
        """The chosen plane, (H, W). Parameters are those of :func:`cwamsn.screens.planes.decode.decode_plane`."""
        kind = self.pixels.dtype.newbyteorder("=")
        if kind not in (np.uint8, np.uint16) and not (any_type and kind.kind in "iuf"):
            raise Refused(f"{GREY} {8 * kind.itemsize}-bit {kind} pixels; {DECLARE}")
        if selection.page is not None:
            raise Refused("a Zarr array has no pages; choose with c=, z= or t=")
        depth = stack if selection.z is None else selection.z
        count = self.array.size("z")
        deep = count > 1 and isinstance(depth, str) and depth != "refuse"
        places = {
            "t": self._place("t", selection.time),
            "c": self._place("c", selection.channel),
            "z": 0 if deep else self._place("z", depth if isinstance(depth, int) else None),
        }
        self._refuse_absent(places, deep)
        reads = [partial(self._read, places | {"z": z}) for z in (range(count) if deep else (places["z"],))]
        return projected(reads, "sharpest" if depth == "sharpest" else "max").astype(kind, copy=False)

    def _place(self, axis: str, wanted: int | None) -> int:
        size = self.array.size(axis)
        if wanted is None and size > 1:
            more = ", or set images.stack of the screen" if axis == "z" else ""
            raise Refused(f"{GREY} {size} {_NAMES[axis]}; name the one that is meant (!{_KEYS[axis]}, from 0){more}")
        if wanted is not None and not 0 <= wanted < size:
            has = f"0 to {size - 1}" if size > 1 else "0 alone"
            raise Refused(f"of {_NAMES[axis]} it has {has}, not {wanted}")
        return wanted or 0

    def _refuse_absent(self, places: dict[str, int], deep: bool) -> None:
        """A plane without any chunk would be read as the fill value: what a broken copy looks like."""
        chosen = {axis: [place] for axis, place in places.items() if not (deep and axis == "z")}
        folder = self.path / self.dataset
        there = [size for name in self.array.chunk_files(chosen) if (size := _size(folder / name)) is not None]
        if not there:
            raise Refused("none of its chunks is in the store; copy or convert it again")
        if 0 in there:  # an empty shard, too, would be read as the fill value
            raise Refused("a chunk is an empty file (0 bytes); copy the store again")

    def _read(self, places: dict[str, int]) -> np.ndarray:
        index = tuple(slice(None) if axis in "yx" else places[axis] for axis in self.array.axes)
        return np.asarray(self.pixels[index])


def _size(path: Path) -> int | None:
    """Bytes of a file, None where there is none."""
    try:
        return path.stat().st_size
    except OSError:
        return None


def _opened(path: Path) -> Any:
    """The array at `path` as zarr opens it; codecs of imagecodecs (JPEG-XL) are known to numcodecs afterwards."""
    import zarr

    try:
        from imagecodecs.numcodecs import register_codecs
    except ImportError:
        pass
    else:
        register_codecs(verbose=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # codecs that the format's third version has not specified yet
        return zarr.open_array(path, mode="r")
