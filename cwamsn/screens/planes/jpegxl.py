"""JPEG-XL: the size in its header is judged before it is decoded."""

from collections.abc import Iterator

import numpy as np

from cwamsn.screens.planes.bounds import GREY, Refused, within_bounds

_RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))
_BITS = (9, 13, 18, 30)


def jpegxl(data: bytes | memoryview) -> np.ndarray:
    """The grey plane of a JPEG-XL file (ISO/IEC 18181-1, -2). Raises Refused for one of several planes or in colour."""
    height, width = _size(_codestream(data))
    within_bounds(height, width)
    try:
        import imagecodecs
    except ImportError:
        raise Refused("a JPEG-XL file, which imagecodecs reads; install imagecodecs") from None
    plane = imagecodecs.jpegxl_decode(data)
    if plane.ndim != 2:
        raise Refused(f"{GREY} a JPEG-XL image of shape {plane.shape}; write each channel and depth as a grey plane")
    return plane


def _codestream(data: bytes | memoryview) -> bytes:
    """The beginning of the codestream, which may lie in a box of a container."""
    head = bytes(data[:2])
    if head == b"\xff\x0a":
        return bytes(data[:32])
    for kind, start in _boxes(memoryview(data)):
        if kind == b"jxlc":
            return bytes(data[start : start + 32])
        if kind == b"jxlp":  # part of one, behind its number
            return bytes(data[start + 4 : start + 36])
    raise Refused("truncated JPEG-XL; download it again")


def _boxes(data: memoryview) -> Iterator[tuple[bytes, int]]:
    """(type, where the content starts) of each box."""
    at = 0
    while at + 8 <= len(data):
        length, kind, head = int.from_bytes(data[at : at + 4], "big"), bytes(data[at + 4 : at + 8]), 8
        if length == 1:
            length, head = int.from_bytes(data[at + 8 : at + 16], "big"), 16
        yield kind, at + head
        if length < head:
            return
        at += length


def _size(stream: bytes) -> tuple[int, int]:
    """(height, width) of a codestream's SizeHeader, whose bits run from the lowest."""
    if stream[:2] != b"\xff\x0a" or len(stream) < 12:
        raise Refused("truncated JPEG-XL; download it again")
    bits, at = int.from_bytes(stream[2:], "little"), 0

    def take(n: int) -> int:
        nonlocal at
        at += n
        return (bits >> (at - n)) & ((1 << n) - 1)

    def side(small: int) -> int:
        return 8 * (take(5) + 1) if small else take(_BITS[take(2)]) + 1

    small = take(1)
    height = side(small)
    ratio = take(3)
    if not ratio:
        return height, side(small)
    over, under = _RATIOS[ratio - 1]
    return height, height * over // under
