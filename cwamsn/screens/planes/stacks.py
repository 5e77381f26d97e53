"""TIFF files of any kind to one grey plane: which of their planes is meant, and whether it may be read."""

import math
from collections.abc import Callable, Sequence
from functools import partial
from io import BytesIO
from typing import Any, NamedTuple

import numpy as np

from cwamsn.screen_specs.selection import Selection
from cwamsn.screens.planes.bounds import DECLARE, GREY, Refused, within_bounds
from cwamsn.screens.planes.ome import ome_places

_JPEGS = (6, 7, 34892, 33007)  # the TIFF compressions that hold JPEG streams
_ADVICE = (
    "name the one that is meant (file.tif!c=1, !z=3 or !page=2, from 0), set images.planes or images.stack of the "
    "screen, or write one plane per file"
)
_NAMES = {"c": "channels", "z": "depths (z)", "t": "times"}


class Plane(NamedTuple):
    """A plane of a file: where it lies along the file's axes, and how it is read."""

    c: int
    z: int
    t: int
    other: int
    """Place along an axis that the file does not name."""
    page: Any
    read: Callable[[], np.ndarray]


def tiff_plane(data: bytes | memoryview, selection: Selection, stack: str | int, any_type: bool) -> np.ndarray:
    """The chosen plane of a TIFF file; its directory is judged first. Other files that its metadata names are not read.

    Parameters are those of :func:`cwamsn.screens.planes.decode.decode_plane`. Raises Refused.
    """
    import tifffile

    with tifffile.TiffFile(BytesIO(data)) as tiff:
        full = [page for page in (p.aspage() for p in tiff.pages) if not (page.is_reduced or page.is_mask)]
        if not full:
            raise Refused(f"{GREY} a reduced image (thumbnail) only; export the plane itself")
        chosen = _chosen(tiff, full, data, selection, stack)
        for plane in chosen:
            judge_page(plane.page, len(data), any_type, selection.channel)
        depth = stack if selection.z is None else selection.z
        return projected([plane.read for plane in chosen], "sharpest" if depth == "sharpest" else "max")


def _chosen(
    tiff: Any, full: list[Any], data: bytes | memoryview, selection: Selection, stack: str | int
) -> list[Plane]:
    """The planes that become one: a single one, or all depths of a channel."""
    if selection.page is not None:
        if selection.page >= len(full):
            raise Refused(f"it has pages 0 to {len(full) - 1}, not {selection.page}")
        page = full[selection.page]
        if max(page.imagedepth, _hidden_planes(tiff) if len(full) == 1 else 1) > 1:
            raise Refused("its page is a stack; choose with z= or c= in place of page=")
        return [Plane(0, 0, 0, 0, page, page.asarray)]
    if len(full) > 1 and len({(p.imagelength, p.imagewidth) for p in full}) > 1:
        raise Refused(_several(full))
    places = ome_places(tiff, full) if tiff.is_ome else None
    if places is not None:
        planes = [Plane(*place, 0, full[k], full[k].asarray) for k, place in places.items()]
    else:
        planes = _planes(tiff, full, data)
    channel = selection.channel
    if channel is not None and full[0].samplesperpixel > 1 and len({p.c for p in planes}) == 1:
        planes, channel = [_sample(plane, channel) for plane in planes], planes[0].c
    planes = _along(planes, full, selection.with_channel(channel), stack)
    planes = _pick(planes, "c", channel, full)
    planes = _pick(planes, "t", selection.time, full)
    depth = stack if selection.z is None else selection.z
    if isinstance(depth, int):
        return _pick(planes, "z", depth, full)
    return _pick(planes, "z", None, full) if depth == "refuse" else planes


def _several(full: Sequence[Any]) -> str:
    sizes = list(dict.fromkeys(f"{p.imagelength} x {p.imagewidth}" for p in full))
    return f"{GREY} {len(full)} pages ({', '.join(sizes[:4])}); {_ADVICE}"


def _along(planes: list[Plane], full: Sequence[Any], selection: Selection, stack: str | int) -> list[Plane]:
    """Planes whose unnamed axis, where they have one, is what the user asks for: channels or depths."""
    if len({p.other for p in planes}) == 1:
        return planes
    as_channels = selection.channel is not None and len({p.c for p in planes}) == 1
    as_depths = (selection.z is not None or stack != "refuse") and len({p.z for p in planes}) == 1
    if as_channels and as_depths:
        raise Refused("its pages may be channels or depths: the file does not say; name one with page=")
    if as_channels:
        return [p._replace(c=p.other, other=0) for p in planes]
    if as_depths:
        return [p._replace(z=p.other, other=0) for p in planes]
    raise Refused(_several(full) if len(full) > 1 else f"{GREY} a stack of {len(planes)}; {_ADVICE}")


def _pick(planes: list[Plane], axis: str, wanted: int | None, full: Sequence[Any]) -> list[Plane]:
    """Planes at a place along an axis. Raises Refused for one that is not there, or several without a choice."""
    has = sorted({getattr(p, axis) for p in planes})
    if wanted is None and len(has) > 1:
        what = _several(full) if len(full) > 1 else f"{GREY} a stack of {len(planes)}; {_ADVICE}"
        raise Refused(what.replace("; ", f": {len(has)} {_NAMES[axis]}; ", 1))
    if wanted is not None and wanted not in has:
        span = f"{has[0]} to {has[-1]}" if len(has) > 1 else f"{has[0]} alone"
        raise Refused(f"of {_NAMES[axis]} it has {span}, not {wanted}")
    return planes if wanted is None else [p for p in planes if getattr(p, axis) == wanted]


def _planes(tiff: Any, full: list[Any], data: bytes | memoryview) -> list[Plane]:
    """Every plane of a file, its axes named as ImageJ, MetaMorph or tifffile wrote them."""
    if len(full) == 1 and max(full[0].imagedepth, _hidden_planes(tiff)) == 1:
        return [Plane(0, 0, 0, 0, full[0], full[0].asarray)]
    if tiff.is_ome:  # its description could not be read
        return [Plane(0, 0, 0, k, page, page.asarray) for k, page in enumerate(full)]
    series = [s for s in tiff.series if not (s.keyframe.is_reduced or s.keyframe.is_mask)]
    if len(series) != 1:
        return [Plane(0, 0, 0, k, page, page.asarray) for k, page in enumerate(full)]
    (one,) = series
    inner = one.keyframe.axes.replace("Z", "") if len(full) == 1 else one.keyframe.axes
    axes, shape = one.axes[: -len(inner)], one.shape[: -len(inner)]
    count = math.prod(shape)
    if len(full) == count:
        readers = [page.asarray for page in full]
        pages = full
    else:
        pages = [full[0]] * count
        readers = _within_one_page(one, count, data, tiff.byteorder)
    return [
        Plane(*_place(axes, np.unravel_index(k, shape) if shape else ()), page, read)
        for k, (page, read) in enumerate(zip(pages, readers))
    ]


def _place(axes: str, index: Sequence[Any]) -> tuple[int, int, int, int]:
    at = {"C": 0, "Z": 0, "T": 0}
    other = 0
    for axis, k in zip(axes, index):
        if axis in at:
            at[axis] = int(k)
        else:
            other = other * 65_536 + int(k)
    return at["C"], at["Z"], at["T"], other


def _within_one_page(series: Any, count: int, data: bytes | memoryview, order: str) -> list[Callable[[], np.ndarray]]:
    """Readers of the planes that lie behind a single directory."""
    page = series.keyframe
    height, width = page.imagelength, page.imagewidth
    within_bounds(height, width)
    if page.samplesperpixel != 1:
        raise Refused(f"{GREY} a stack of {count} in colour; {_ADVICE}")
    if series.dataoffset is None:
        within_bounds(height * count, width)
        return [partial(lambda k: series.asarray().reshape(count, height, width)[k], k) for k in range(count)]
    stored = np.dtype(f"{order}{page.dtype.char}")
    size = height * width * stored.itemsize
    if series.dataoffset + count * size > len(data):
        raise Refused(f"truncated TIFF: {len(data)} bytes, its planes end at {series.dataoffset + count * size}")

    def read(k: int) -> np.ndarray:
        plane = np.frombuffer(data, stored, height * width, series.dataoffset + k * size).reshape(height, width)
        return plane.astype(stored.newbyteorder("="), copy=False)

    return [partial(read, k) for k in range(count)]


def _sample(plane: Plane, channel: int) -> Plane:
    """The plane of one sample per pixel, where channels are stored side by side like the colours of a picture."""
    page = plane.page
    if channel >= page.samplesperpixel:
        raise Refused(f"of channels it has 0 to {page.samplesperpixel - 1}, not {channel}")
    axis = page.axes.index("S")
    return plane._replace(read=lambda: np.ascontiguousarray(np.take(plane.read(), channel, axis)))


def projected(readers: Sequence[Callable[[], np.ndarray]], how: str) -> np.ndarray:
    """One plane of several depths: their maximum, or the sharpest. One is read after the other."""
    best = readers[0]()
    most = _sharpness(best) if how == "sharpest" and len(readers) > 1 else 0.0
    for read in readers[1:]:
        plane = read()
        if how == "max":
            best = np.maximum(best, plane)
        elif (sharp := _sharpness(plane)) > most:
            best, most = plane, sharp
    return best


def _sharpness(plane: np.ndarray) -> float:
    """Variance of the Laplacian (Pech-Pacheco et al. 2000). Not over the mean: a depth without cells is only darker."""
    if plane.ndim != 2 or min(plane.shape) < 3:
        return 0.0
    values = plane.astype(np.float32)
    laplacian = values[:-2, 1:-1] + values[2:, 1:-1] + values[1:-1, :-2] + values[1:-1, 2:] - 4 * values[1:-1, 1:-1]
    return float(laplacian.var(dtype=np.float64))


def _hidden_planes(tiff: Any) -> int:
    """Planes that a single directory stands for, as ImageJ, MetaMorph and tifffile write them."""
    if tiff.is_imagej:
        return int((tiff.imagej_metadata or {}).get("images", 1))
    if tiff.is_stk:
        return int((tiff.stk_metadata or {}).get("NumberPlanes", 1))
    if tiff.is_shaped:
        shape = dict((tiff.shaped_metadata or ({},))[0]).get("shape", ())
        return int(np.prod(shape[:-2])) if len(shape) > 2 and shape[-1] > 4 else 1
    return 1


def judge_page(page: Any, size: int, any_type: bool = False, channel: int | None = None) -> None:
    """Raise Refused unless the directory describes a grey plane whose bytes are there.

    size : of the file, bytes. any_type : admit signed and floating pixels. channel : the one sample per pixel that is
    wanted, where a page holds several.
    """
    within_bounds(page.imagelength, page.imagewidth)
    if page.is_tiled:
        within_bounds(page.tilelength, page.tilewidth)
    if int(page.compression) in _JPEGS:
        raise Refused(f"{GREY} pixels in JPEG compression, which is lossy; export it without")
    samples, photometric = page.samplesperpixel, int(page.photometric)
    if samples != 1 and channel is None:
        kind = "RGB" if photometric == 2 else "an image"
        advice = "write each channel as a grey plane, or name one (file.tif!c=1)"
        raise Refused(f"{GREY} {kind} of {samples} samples per pixel; {advice}")
    known = page.dtype is not None and (page.dtype.newbyteorder("=") in (np.uint8, np.uint16) or any_type)
    if page.bitspersample < 8 or not known:
        kind = "1-bit pixels" if page.bitspersample == 1 else f"{page.bitspersample}-bit {page.dtype} pixels"
        raise Refused(f"{GREY} {kind}; {DECLARE}")
    if photometric == 0:
        raise Refused(
            f"{GREY} photometric interpretation 0 (white is zero), in which bright may mean no signal; "
            "save it as 1 (black is zero)"
        )
    if photometric == 3 and not _is_grey_ramp(page.colormap):
        raise Refused(f"{GREY} a colour map (palette): its pixels are not intensities; save it as grey")
    if photometric not in (1, 3) and not (photometric == 2 and samples != 1):
        raise Refused(f"{GREY} photometric interpretation {photometric}; save it as 1 (black is zero)")
    # tifffile fills what is absent with zeros.
    ends = [at + n for at, n in zip(page.dataoffsets, page.databytecounts) if at and n]
    if len(ends) < max(1, int(np.prod(page.chunked))):
        raise Refused("strips or tiles of the plane are not in the file; download or export it again")
    if max(ends) > size:
        raise Refused(f"truncated TIFF: {size} bytes, the plane ends at {max(ends)}")


def _is_grey_ramp(colormap: np.ndarray | None) -> bool:
    """Whether a colour map shows each index as a grey in proportion to it, so that indices are intensities."""
    if colormap is None or len({bytes(c) for c in colormap}) != 1:
        return False
    ramp = np.arange(colormap.shape[1]) * 65535 / (colormap.shape[1] - 1)
    return bool((np.abs(colormap[0] - ramp) <= 256).all())
