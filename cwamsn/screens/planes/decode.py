"""One encoded image to one grey plane. What a header says is judged before anything is decoded."""

import struct
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import numpy as np

# 8,192 x 8,192 pixels: several times the largest camera. A few hundred bytes can name a picture of gigabytes.
MOST_PIXELS = 1 << 26
MOST_BYTES = 4 * MOST_PIXELS  # of an image file: its pixels in 16 bits, and as much again

_JPEG2000 = b"\xff\x4f\xff\x51"  # start of a codestream, and its size marker
_JPEGS = (6, 7, 34892, 33007)  # the TIFF compressions that hold JPEG streams
_GREY = "expected a grey 8- or 16-bit plane, found"
# What is met in place of an image, by its first bytes.
_OTHERS = (
    (b"\xff\xd8\xff", "a JPEG, which is lossy; export TIFF or PNG"),
    (b"version https://git-lfs", "a Git LFS pointer; fetch the file itself (git lfs pull)"),
    (b"<", "markup (an error page?); download the file again"),
    (b"\x1f\x8b", "a gzip file; unpack it"),
    (b"PK\3\4", "a zip file; name its member"),
    (b"\x89HDF", "an HDF5 file; export TIFF or PNG"),
    (b"BM", "a bitmap; export TIFF or PNG"),
    (b"\0\0\0\0\0\0\0\0", "zero bytes; download the file again"),
)


class Refused(ValueError):
    """The image, readable or not, is not a single grey plane whose pixels are intensities."""


def decode_plane(data: bytes | memoryview) -> np.ndarray:
    """Decode TIFF, BigTIFF, PNG or JPEG 2000 to (H, W) uint8 or uint16.

    Raises Refused (a ValueError) for what is not a single grey plane: several pages, colour, a colour map, a reversed
    scale, another type of pixel, more than MOST_PIXELS, a file cut off. Damage raises whatever the decoder raises.
    """
    head = bytes(data[:32])
    if head[:4] in (b"II*\0", b"MM\0*"):
        plane = bare_tiff(data)
        if plane is None:
            plane = _tiff(data)
    elif head[:4] in (b"II+\0", b"MM\0+"):
        plane = _tiff(data)
    elif head[:4] == _JPEG2000 or head[4:8] == b"jP  ":
        plane = _jpeg2000(data)
    elif head[:8] == b"\x89PNG\r\n\x1a\n":
        plane = _png(data, head)
    else:
        other = next((text for start, text in _OTHERS if head.startswith(start)), None)
        raise Refused("neither TIFF, PNG nor JPEG 2000" + (f" but {other}" if other else ""))
    while plane.ndim > 2 and plane.shape[0] == 1:
        plane = plane[0]
    if plane.ndim != 2 or plane.dtype not in (np.uint8, np.uint16) or plane.size == 0:
        raise Refused(f"{_GREY} {plane.dtype} of shape {plane.shape}")
    return plane


def _within_bounds(height: int, width: int) -> None:
    if height * width > MOST_PIXELS:
        raise Refused(f"its header names {height} x {width} pixels, at most {MOST_PIXELS:,} are decoded; cut it up")
    if height * width == 0:
        raise Refused(f"its header names {height} x {width} pixels")


# TIFF -----------------------------------------------------------------------------------------------------------------


def bare_tiff(data: bytes | memoryview) -> np.ndarray | None:
    """The plane of a single-page, uncompressed, grey TIFF whose strips lie in one piece; None for any other TIFF.

    Three numbers of the directory and one copy: about 20 times faster than a general reader on Bray's 0.7 MB files.
    """
    order = "<" if bytes(data[:2]) == b"II" else ">"
    (start,) = struct.unpack_from(f"{order}I", data, 4)
    (count,) = struct.unpack_from(f"{order}H", data, start)
    entries = struct.unpack_from(f"{order}{'HHI4s' * count}", data, start + 2)
    tags: dict[int, np.ndarray] = {}
    one: dict[int, int] = {}
    for tag, kind, n, raw in zip(entries[::4], entries[1::4], entries[2::4], entries[3::4]):
        size = {3: 2, 4: 4}.get(kind)
        if size is None:
            if (tag == 33629 and n > 1) or (tag == 270 and n > 4 and _names_a_stack(data, order, raw, n)):
                return None  # MetaMorph, ImageJ and tifffile keep a stack's planes behind a single directory
            continue
        if n == 0:
            return None
        source, at = (raw, 0) if n * size <= 4 else (data, _integer(raw, order))
        one[tag] = _integer(source[at : at + size], order)
        if tag in (273, 279):
            tags[tag] = np.frombuffer(source, f"{order}u{size}", n, at).astype(np.int64)
    (following,) = struct.unpack_from(f"{order}I", data, start + 2 + 12 * count)
    bits = one.get(258, 1)
    grey = one.get(262) == 1 and one.get(277, 1) == 1 and one.get(339, 1) == 1 and one.get(317, 1) == 1
    plain = one.get(254, 0) == 0 and one.get(259, 1) == 1 and one.get(266, 1) == 1 and one.get(32997, 1) == 1
    if following or not plain or bits not in (8, 16) or not grey or 273 not in tags or 279 not in tags:
        return None
    height, width, offsets, lengths = one[257], one[256], tags[273], tags[279]
    size = height * width * bits // 8
    if lengths.sum() != size or (np.diff(offsets) != lengths[:-1]).any():
        return None
    if offsets[0] + size > len(data):
        raise Refused(f"truncated TIFF: {len(data)} bytes, the plane ends at {offsets[0] + size}")
    stored = np.dtype("u1" if bits == 8 else f"{order}u2")
    return (
        np.frombuffer(data, stored, height * width, offsets[0])
        .reshape(height, width)
        .astype(stored.newbyteorder("="), copy=False)
    )


def _integer(raw: bytes | memoryview, order: str) -> int:
    return int.from_bytes(raw, "little" if order == "<" else "big")


def _names_a_stack(data: bytes | memoryview, order: str, raw: bytes, n: int) -> bool:
    """Whether an ImageDescription is of the kinds that may tell of more planes than there are directories."""
    (at,) = struct.unpack(f"{order}I", raw)
    head = bytes(data[at : at + min(n, 400)])
    if head.startswith(b"ImageJ="):
        return b"\nimages=" in head
    return head.startswith(b'{"shape": [') and head.partition(b"]")[0].count(b",") > 1


def _tiff(data: bytes | memoryview) -> np.ndarray:
    """The only full page of a TIFF; its directory is judged first. Other files that its metadata names are not read."""
    import tifffile

    with tifffile.TiffFile(BytesIO(data)) as tiff:
        full = [page for page in (p.aspage() for p in tiff.pages) if not (page.is_reduced or page.is_mask)]
        if not full:
            raise Refused(f"{_GREY} a reduced image (thumbnail) only; export the plane itself")
        if len(full) > 1:
            sizes = list(dict.fromkeys(f"{p.imagelength} x {p.imagewidth}" for p in full))
            raise Refused(
                f"{_GREY} {len(full)} pages ({', '.join(sizes[:4])}); write one plane, or a projection, per file"
            )
        (page,) = full
        planes = max(page.imagedepth, _hidden_planes(tiff))
        if planes > 1:
            raise Refused(f"{_GREY} a stack of {planes}; write one plane, or a projection, per file")
        _judge_page(page, len(data))
        return page.asarray()


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


def _judge_page(page: Any, size: int) -> None:
    """Raise Refused unless the directory describes a grey plane whose bytes are there. size: of the file, bytes."""
    _within_bounds(page.imagelength, page.imagewidth)
    if page.is_tiled:
        _within_bounds(page.tilelength, page.tilewidth)
    if int(page.compression) in _JPEGS:
        raise Refused(f"{_GREY} pixels in JPEG compression, which is lossy; export it without")
    samples, photometric = page.samplesperpixel, int(page.photometric)
    if samples != 1:
        kind = "RGB" if photometric == 2 else "an image"
        raise Refused(f"{_GREY} {kind} of {samples} samples per pixel; write each channel as a grey plane")
    if page.bitspersample < 8 or page.dtype is None or page.dtype.newbyteorder("=") not in (np.uint8, np.uint16):
        kind = "1-bit pixels" if page.bitspersample == 1 else f"{page.bitspersample}-bit {page.dtype} pixels"
        raise Refused(f"{_GREY} {kind}; convert them to unsigned 8 or 16 bits")
    if photometric == 0:
        raise Refused(
            f"{_GREY} photometric interpretation 0 (white is zero), in which bright may mean no signal; "
            "save it as 1 (black is zero)"
        )
    if photometric == 3 and not _is_grey_ramp(page.colormap):
        raise Refused(f"{_GREY} a colour map (palette): its pixels are not intensities; save it as grey")
    if photometric not in (1, 3):
        raise Refused(f"{_GREY} photometric interpretation {photometric}; save it as 1 (black is zero)")
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


# PNG and JPEG 2000 ----------------------------------------------------------------------------------------------------


def _png(data: bytes | memoryview, head: bytes) -> np.ndarray:
    if head[12:16] != b"IHDR" or len(head) < 29:
        raise Refused("truncated PNG; download it again")
    width, height, bits, colour = struct.unpack(">IIBB", head[16:26])
    _within_bounds(height, width)
    if colour == 3:
        raise Refused(f"{_GREY} a PNG with a palette: its pixels are not intensities; save it as grey")
    if colour != 0:
        kind = {2: "RGB", 4: "grey with alpha", 6: "RGB with alpha"}.get(colour, f"colour type {colour}")
        raise Refused(f"{_GREY} a PNG of {kind}; write each channel as a grey plane")
    if bits not in (8, 16):
        raise Refused(f"{_GREY} {bits}-bit pixels; convert them to unsigned 8 or 16 bits")
    # libpng warns of a file that ends early and leaves the rest as it was.
    if b"IEND" not in bytes(data[-64:]):
        raise Refused("truncated PNG (it has no end mark); download it again")
    return _decode(data, "png_decode")


def _jpeg2000(data: bytes | memoryview) -> np.ndarray:
    stream = memoryview(data)
    if bytes(stream[:4]) != _JPEG2000:
        stream = next((body for kind, body in _boxes(stream) if kind == b"jp2c"), stream[:0])
    if len(stream) < 42 or bytes(stream[:4]) != _JPEG2000:
        raise Refused("truncated JPEG 2000; download it again")
    x1, y1, x0, y0 = struct.unpack(">4I", stream[8:24])
    _within_bounds(max(0, y1 - y0), max(0, x1 - x0))
    (components,) = struct.unpack(">H", stream[40:42])
    if components != 1:
        raise Refused(f"{_GREY} {components} components per pixel; write each channel as a grey plane")
    if bytes(stream[:4]) != bytes(data[:4]):
        header = next((body for kind, body in _boxes(memoryview(data)) if kind == b"jp2h"), stream[:0])
        if any(kind == b"pclr" for kind, _ in _boxes(header)):
            raise Refused(f"{_GREY} a palette: its pixels are not intensities; save it as grey")
    # A decoder may give what it has of a stream that breaks off. The mark cannot occur within its data.
    if b"\xff\xd9" not in bytes(stream[-64:]):
        raise Refused("truncated JPEG 2000 (it has no end mark); download it again")
    return _decode(data, "jpeg2k_decode")


def _boxes(data: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    """(type, content) of each box of a JP2 file or of a box's content."""
    at = 0
    while at + 8 <= len(data):
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        head = 8
        if length == 1 and at + 16 <= len(data):
            (length,), head = struct.unpack(">Q", data[at + 8 : at + 16]), 16
        end = len(data) if length == 0 else at + length
        if end < at + head:
            return
        yield kind, data[at + head : end]
        at = end


def _decode(data: bytes | memoryview, codec: str) -> np.ndarray:
    try:
        import imagecodecs
    except ImportError:
        from PIL import Image

        with Image.open(BytesIO(data)) as image:
            return np.asarray(image)
    return getattr(imagecodecs, codec)(data)
