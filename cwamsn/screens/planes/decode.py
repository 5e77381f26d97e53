"""One encoded image to one grey plane. What a header says is judged before anything is decoded."""

import struct
from collections.abc import Iterator
from io import BytesIO

import numpy as np

from cwamsn.screen_specs.selection import PROJECTIONS, WHOLE, Selection
from cwamsn.screens.planes.bounds import DECLARE, GREY, MOST_BYTES, MOST_PIXELS, Refused, within_bounds
from cwamsn.screens.planes.jpegxl import jpegxl
from cwamsn.screens.planes.stacks import tiff_plane

__all__ = ["MOST_BYTES", "MOST_PIXELS", "Refused", "bare_tiff", "decode_plane"]

_JPEG2000 = b"\xff\x4f\xff\x51"  # start of a codestream, and its size marker
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


def decode_plane(
    data: bytes | memoryview,
    selection: Selection = WHOLE,
    stack: str | int = "refuse",
    *,
    any_type: bool = False,
) -> np.ndarray:
    """Decode a plane of a TIFF, BigTIFF, OME-TIFF, PNG, JPEG 2000 or JPEG-XL file to (H, W) uint8 or uint16.

    Parameters
    ----------
    data : the encoded file.
    selection : which plane of a file of several.
    stack : what becomes of several depths that the selection leaves open: `refuse`, `max`, `sharpest` or a number.
    any_type : admit signed and floating pixels too, as they are stored.

    Raises
    ------
    Refused
        (a ValueError) for what is not a single grey plane: several planes of which none is chosen, colour, a colour
        map, a reversed scale, another type of pixel, more than MOST_PIXELS, a file cut off. Damage raises whatever the
        decoder raises.
    """
    head = bytes(data[:32])
    if head[:4] in (b"II*\0", b"MM\0*"):
        plane = None if selection or isinstance(stack, int) else bare_tiff(data)
        if plane is None:
            plane = tiff_plane(data, selection, stack, any_type)
    elif head[:4] in (b"II+\0", b"MM\0+"):
        plane = tiff_plane(data, selection, stack, any_type)
    else:
        plane = _other(data, head)
        if {selection.channel, selection.time, selection.page} - {None, 0} or selection.z not in (
            None,
            0,
            *PROJECTIONS,
        ):
            raise Refused(f"a single plane, of which {str(selection)[1:]} cannot be chosen")
    while plane.ndim > 2 and plane.shape[0] == 1:
        plane = plane[0]
    known = plane.dtype in (np.uint8, np.uint16) or (any_type and plane.dtype.kind in "iuf")
    if plane.ndim != 2 or not known or plane.size == 0:
        advice = "" if known or plane.ndim != 2 else f"; {DECLARE}"
        raise Refused(f"{GREY} {plane.dtype} of shape {plane.shape}{advice}")
    return plane


def _only_plane(selection: Selection, stack: str | int) -> None:
    """Raise Refused for a selection that a file of a single plane cannot fulfil."""
    depth = stack if selection.z is None else selection.z
    if {selection.channel, selection.time, selection.page} - {None, 0} or depth not in (0, "refuse", *PROJECTIONS):
        chosen = str(selection)[1:] or f"z={stack} (images.stack)"
        raise Refused(f"a file of a single plane, of which {chosen} cannot be taken")


def _other(data: bytes | memoryview, head: bytes) -> np.ndarray:
    """The image of a file that is no TIFF."""
    if head[:4] == _JPEG2000 or head[4:8] == b"jP  ":
        return _jpeg2000(data)
    if head[:8] == b"\x89PNG\r\n\x1a\n":
        return _png(data, head)
    if head[:2] == b"\xff\x0a" or head[4:8] == b"JXL ":
        return jpegxl(data)
    other = next((text for start, text in _OTHERS if head.startswith(start)), None)
    raise Refused("neither TIFF, PNG, JPEG 2000 nor JPEG-XL" + (f" but {other}" if other else ""))


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


# PNG and JPEG 2000 ----------------------------------------------------------------------------------------------------


def _png(data: bytes | memoryview, head: bytes) -> np.ndarray:
    if head[12:16] != b"IHDR" or len(head) < 29:
        raise Refused("truncated PNG; download it again")
    width, height, bits, colour = struct.unpack(">IIBB", head[16:26])
    within_bounds(height, width)
    if colour == 3:
        raise Refused(f"{GREY} a PNG with a palette: its pixels are not intensities; save it as grey")
    if colour != 0:
        kind = {2: "RGB", 4: "grey with alpha", 6: "RGB with alpha"}.get(colour, f"colour type {colour}")
        raise Refused(f"{GREY} a PNG of {kind}; write each channel as a grey plane")
    if bits not in (8, 16):
        raise Refused(f"{GREY} {bits}-bit pixels; convert them to unsigned 8 or 16 bits")
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
    within_bounds(max(0, y1 - y0), max(0, x1 - x0))
    (components,) = struct.unpack(">H", stream[40:42])
    if components != 1:
        raise Refused(f"{GREY} {components} components per pixel; write each channel as a grey plane")
    if bytes(stream[:4]) != bytes(data[:4]):
        header = next((body for kind, body in _boxes(memoryview(data)) if kind == b"jp2h"), stream[:0])
        if any(kind == b"pclr" for kind, _ in _boxes(header)):
            raise Refused(f"{GREY} a palette: its pixels are not intensities; save it as grey")
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
