"""An image is judged before it is decoded: what is no single grey plane is refused by name, never guessed."""

import io
import struct
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image

from cwamsn.screens.planes.decode import MOST_PIXELS, Refused, bare_tiff, decode_plane

from ..loopback import jpeg2000, plane

GREY = plane(1, (64, 80))
BYTES = plane(2, (64, 80), np.uint8)
RAMP = np.stack([np.arange(256) * 257] * 3).astype(np.uint16)


def saved(image=GREY, **options) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, image, **options)
    return buffer.getvalue()


def pages(*images, **first) -> bytes:
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as writer:
        for k, image in enumerate(images):
            writer.write(image, metadata=None, **(first if k == 0 else {}))
    return buffer.getvalue()


def png(image, mode=None) -> bytes:
    buffer = io.BytesIO()
    picture = Image.fromarray(image)
    (picture.convert(mode) if mode else picture).save(buffer, "PNG")
    return buffer.getvalue()


def one_of_a_set(compression) -> bytes:
    """A file of a multi-file OME-TIFF: one plane, and XML that tells of five."""
    blocks = "".join(
        f'<TiffData FirstC="{c}" IFD="0" PlaneCount="1"><UUID FileName="{c}.tif">urn:uuid:{c:032x}</UUID></TiffData>'
        for c in range(5)
    )
    xml = (
        '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image ID="Image:0"><Pixels ID="Pixels:0" '
        f'DimensionOrder="XYCZT" Type="uint16" SizeX="80" SizeY="64" SizeC="5" SizeZ="1" SizeT="1">{blocks}</Pixels>'
        "</Image></OME>"
    )
    return saved(description=xml, metadata=None, compression=compression)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(saved(bigtiff=True), GREY, id="BigTIFF"),
        pytest.param(saved(bigtiff=True, byteorder=">", compression="zlib"), GREY, id="BigTIFF, big-endian"),
        pytest.param(one_of_a_set(None), GREY, id="one file of an OME set"),
        pytest.param(one_of_a_set("lzw"), GREY, id="one file of an OME set, LZW"),
        pytest.param(pages(GREY[::8, ::8], GREY, subfiletype=1), GREY, id="thumbnail first"),
        pytest.param(saved(GREY[None, None]), GREY, id="leading axes of one"),
        pytest.param(saved(GREY, tile=(16, 16)), GREY, id="tiles"),
        pytest.param(saved(BYTES, photometric="palette", colormap=RAMP), BYTES, id="a colour map that is a grey ramp"),
        pytest.param(saved(GREY % 1024, compression="zlib", predictor=True), GREY % 1024, id="ten bits of sixteen"),
        pytest.param(png(GREY), GREY, id="16-bit PNG"),
    ],
)
def test_a_single_grey_plane_is_read_however_it_is_wrapped(data, expected):
    found = decode_plane(data)
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)


def test_a_thumbnail_behind_the_plane_is_passed_over():
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as writer:
        writer.write(GREY, metadata=None)
        writer.write(GREY[::8, ::8], metadata=None, subfiletype=1)
    np.testing.assert_array_equal(decode_plane(buffer.getvalue()), GREY)


FLOAT = GREY.astype(np.float32)
FLOAT[3, 4] = np.nan


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        pytest.param(saved(photometric="miniswhite"), "white is zero", id="white is zero"),
        pytest.param(saved(BYTES, photometric="palette", colormap=RAMP[:, ::-1]), "a colour map", id="colour map"),
        pytest.param(saved(np.zeros((8, 8, 3), np.uint8), photometric="rgb"), "RGB of 3 samples", id="RGB"),
        pytest.param(
            saved(np.zeros((8, 8, 2), np.uint8), planarconfig=1), "of 2 samples per pixel", id="grey and alpha"
        ),
        pytest.param(saved(np.stack([GREY] * 7), photometric="minisblack"), "7 pages (64 x 80)", id="stack"),
        pytest.param(pages(GREY, GREY[::2, ::2]), "2 pages (64 x 80, 32 x 40)", id="pyramid without a flag"),
        pytest.param(saved(np.stack([GREY] * 3), imagej=True, truncate=True), "a stack of 3", id="ImageJ's stack"),
        pytest.param(
            saved(np.stack([GREY] * 3), truncate=True, photometric="minisblack"), "a stack of 3", id="one directory"
        ),
        pytest.param(
            saved(np.zeros((16, 16, 16), np.uint16), volumetric=True, tile=(16, 16, 16)), "a stack of 16", id="volume"
        ),
        pytest.param(saved(subfiletype=1), "thumbnail) only", id="thumbnail alone"),
        pytest.param(saved(FLOAT), "32-bit float32 pixels", id="float, NaN"),
        pytest.param(saved(GREY.astype(np.int32)), "32-bit int32 pixels", id="int32"),
        pytest.param(saved(GREY.astype(np.int16)), "16-bit int16 pixels", id="int16"),
        pytest.param(saved(GREY > 9), "1-bit pixels", id="1-bit TIFF"),
        pytest.param(png(BYTES, "P"), "PNG with a palette", id="PNG with a palette"),
        pytest.param(png(BYTES, "1"), "1-bit pixels", id="1-bit PNG"),
        pytest.param(png(BYTES, "LA"), "grey with alpha", id="PNG with alpha"),
        pytest.param(png(BYTES, "RGB"), "PNG of RGB", id="PNG in colour"),
        pytest.param(jpeg2000(np.stack([BYTES] * 3, axis=-1)), "3 components per pixel", id="JPEG 2000 in colour"),
        pytest.param(saved(BYTES, compression="jpeg"), "JPEG compression, which is lossy", id="JPEG within TIFF"),
        pytest.param(b"\xff\xd8\xff\xe0 JFIF", "a JPEG, which is lossy", id="JPEG"),
        pytest.param(b"version https://git-lfs.github.com/spec/v1", "a Git LFS pointer", id="Git LFS pointer"),
        pytest.param(b"<html><body>403 Forbidden", "markup", id="error page"),
        pytest.param(bytes(4000), "zero bytes", id="zero bytes"),
    ],
)
def test_what_is_no_grey_plane_is_refused_with_what_it_is(data, reason):
    with pytest.raises(Refused) as caught:
        decode_plane(data)
    assert reason in str(caught.value)


@pytest.mark.parametrize("compression", ["lzw", "zlib", "packbits", None])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_a_tiff_that_breaks_off_is_never_a_plane(compression, share):
    image = np.repeat(np.arange(128, dtype=np.uint16), 128).reshape(128, 128)  # compresses well
    data = saved(image, compression=compression, rowsperstrip=16, tile=None)
    for broken in (data[: int(len(data) * share)], data[: int(len(data) * share)].ljust(len(data), b"\0")):
        try:
            found = decode_plane(broken)
        except Exception:
            continue
        assert compression is None and len(broken) == len(data), "a compressed plane that broke off was read"
        assert not (found == image).all()  # zeros in an uncompressed plane: cwamsn.crops.judge sees them


@pytest.mark.parametrize("data", [png(GREY), jpeg2000(BYTES)], ids=["png", "jpeg2000"])
@pytest.mark.parametrize("share", [0.2, 0.7, 0.98])
def test_a_png_or_jpeg2000_that_breaks_off_is_never_a_plane(data, share):
    end = int(len(data) * share)
    for broken in (data[:end], data[:end] + bytes(len(data) - end)):
        with pytest.raises(Exception, match=r"truncated|error|failed"):
            decode_plane(broken)


def test_strips_that_were_never_written_are_refused():
    data = bytearray(saved(compression="zlib", rowsperstrip=16))
    tag = tifffile.TiffFile(io.BytesIO(data)).pages[0].tags["StripByteCounts"]
    struct.pack_into("<I" if tag.dtype == 4 else "<H", data, tag.valueoffset, 0)
    with pytest.raises(Refused, match="strips or tiles of the plane are not in the file"):
        decode_plane(bytes(data))


def test_reversed_bits_go_the_general_way():
    data = bytearray(saved(BYTES, extratags=[(65000, 3, 1, 2, True)], metadata=None))
    struct.pack_into("<H", data, data.index(struct.pack("<HHI", 65000, 3, 1)), 266)  # FillOrder
    assert bare_tiff(bytes(data)) is None
    reversed_bits = np.unpackbits(BYTES[..., None], axis=-1, bitorder="little")
    np.testing.assert_array_equal(decode_plane(bytes(data)), np.packbits(reversed_bits, axis=-1)[..., 0])


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def huge_png() -> bytes:
    head = _chunk(b"IHDR", struct.pack(">IIBBBBB", 30_000, 30_000, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + _chunk(b"IDAT", zlib.compress(bytes(100))) + _chunk(b"IEND", b"")


def huge_jpeg2000() -> bytes:
    data = bytearray(jpeg2000(np.zeros((32, 32), np.uint8)))
    at = data.index(b"\xff\x4f\xff\x51")
    struct.pack_into(">II", data, at + 8, 21_000, 21_000)
    return bytes(data)


def huge_tiff() -> bytes:
    data = bytearray(saved(np.zeros((16, 16), np.uint8), compression="zlib", metadata=None))
    for name in ("ImageWidth", "ImageLength"):
        tag = tifffile.TiffFile(io.BytesIO(data)).pages[0].tags[name]
        struct.pack_into("<I" if tag.dtype == 4 else "<H", data, tag.valueoffset, 30_000)
    return bytes(data)


def huge_tile() -> bytes:
    data = bytearray(saved(np.zeros((16, 16), np.uint8), compression="zlib", metadata=None, tile=(16, 16)))
    for name in ("TileWidth", "TileLength"):
        tag = tifffile.TiffFile(io.BytesIO(data)).pages[0].tags[name]
        struct.pack_into("<I" if tag.dtype == 4 else "<H", data, tag.valueoffset, 32_000)
    return bytes(data)


@pytest.mark.parametrize(
    "data", [huge_png(), huge_jpeg2000(), huge_tiff(), huge_tile()], ids=["png", "jpeg2000", "tiff", "tile of a tiff"]
)
def test_a_header_that_names_gigabytes_is_refused_before_anything_is_decoded(data, monkeypatch):
    import imagecodecs

    for codec in ("png_decode", "jpeg2k_decode", "zlib_decode"):
        monkeypatch.setattr(imagecodecs, codec, lambda *a, **k: pytest.fail("decoded"))
    with pytest.raises(Refused, match=f"at most {MOST_PIXELS:,} are decoded"):
        decode_plane(data)
