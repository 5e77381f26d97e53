"""Planes by URI, whatever they are stored in."""

import io
import struct
import zipfile

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from cwamsn.errors import InputError
from cwamsn.screens import PlaneReader, read_plane
from cwamsn.screens.planes.decode import bare_tiff, decode_plane
from cwamsn.screens.planes.reader import split_uri

from ..loopback import jpeg2000, plane, tiff

GREY = st.sampled_from([np.uint8, np.uint16]).flatmap(
    lambda kind: hnp.arrays(kind, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=20))
)


@settings(max_examples=50, deadline=None)
@given(GREY, st.sampled_from("<>"), st.integers(1, 25), st.sampled_from([None, "lzw", "zlib"]))
def test_every_tiff_reads_as_tifffile_reads_it(image, order, rows, compression):
    buffer = io.BytesIO()
    tifffile.imwrite(
        buffer, image, byteorder=order, rowsperstrip=rows, compression=compression, photometric="minisblack"
    )
    found = decode_plane(buffer.getvalue())
    assert found.dtype == image.dtype and found.dtype.isnative
    np.testing.assert_array_equal(found, image)
    fast = bare_tiff(buffer.getvalue())
    assert (fast is not None) == (compression is None)


def test_a_white_is_zero_tiff_goes_the_general_way():
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, plane(1), photometric="miniswhite")
    assert bare_tiff(buffer.getvalue()) is None


def test_the_real_bray_field(shared):
    for path in sorted((shared / "bray/field").glob("*.tif")):
        found = read_plane(str(path))
        assert found.shape == (520, 696) and found.dtype == np.uint16 and found.max() <= 4095
        assert bare_tiff(path.read_bytes()) is not None
        np.testing.assert_array_equal(found, tifffile.imread(path))


def test_png_and_jpeg2000(tmp_path):
    for kind in (np.uint8, np.uint16):
        image = plane(2, dtype=kind)
        Image.fromarray(image).save(tmp_path / "a.png")
        np.testing.assert_array_equal(read_plane(str(tmp_path / "a.png")), image)
    image = plane(3, (32, 32), np.uint8)
    np.testing.assert_array_equal(decode_plane(jpeg2000(image)), image)


def test_without_imagecodecs_pillow_and_zlib_give_the_same(tmp_path, monkeypatch):
    image = plane(3, (32, 32), np.uint8)
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("m.tif", tiff(plane(4)))
    monkeypatch.setitem(__import__("sys").modules, "imagecodecs", None)
    np.testing.assert_array_equal(decode_plane(jpeg2000(image)), image)
    np.testing.assert_array_equal(read_plane(f"{tmp_path}/a.zip!m.tif"), plane(4))


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_zip_members(tmp_path, compression):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", compression) as archive:
        for i in range(3):
            archive.writestr(f"folder/{i}.tif", tiff(plane(i)))
    with PlaneReader() as reader:
        for i in (2, 0, 1):
            np.testing.assert_array_equal(reader.read(f"{path}!folder/{i}.tif"), plane(i))
        with pytest.raises(InputError, match=r"a\.zip!folder/9\.tif: no such member"):
            reader.read(f"{path}!folder/9.tif")
    data = bytearray(path.read_bytes())
    info = zipfile.ZipFile(path).getinfo("folder/1.tif")
    data[info.header_offset + 30 + len("folder/1.tif") + info.compress_size // 2] ^= 255
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"a\.zip!folder/1\.tif: "):
        read_plane(f"{path}!folder/1.tif")
    np.testing.assert_array_equal(read_plane(f"{path}!folder/0.tif"), plane(0))


def test_a_zip_member_that_names_gigabytes_is_refused(tmp_path, monkeypatch):
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("m.tif", bytes(5_000_000))
    monkeypatch.setattr("cwamsn.screens.planes.reader.MOST_BYTES", 4_000_000)
    with pytest.raises(InputError, match=r"a\.zip!m\.tif: 5,000,000 bytes, which no plane has"):
        read_plane(f"{tmp_path}/a.zip!m.tif")


def test_more_archives_than_are_kept_open(tmp_path):
    for i in range(20):
        with zipfile.ZipFile(tmp_path / f"{i}.zip", "w") as archive:
            archive.writestr("m.tif", tiff(plane(i)))
    with PlaneReader() as reader:
        for i in (*range(20), *range(20)):
            np.testing.assert_array_equal(reader.read(f"{tmp_path}/{i}.zip!m.tif"), plane(i))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"II*\0",
        b"not an image",
        tiff(plane(1))[:-40],
        tiff(plane(1))[:30],
        jpeg2000(plane(1, (32, 32), np.uint8))[:60],
    ],
)
def test_what_does_not_decode_names_its_uri(tmp_path, data):
    (tmp_path / "x.tif").write_bytes(data)
    with pytest.raises(InputError, match=r"x\.tif: not a readable plane"):
        read_plane(str(tmp_path / "x.tif"))


@given(st.binary(max_size=200), st.sampled_from([b"", b"II*\0", b"MM\0*", b"\x89PNG\r\n\x1a\n", b"\xff\x4f\xff\x51"]))
@settings(max_examples=100, deadline=None)
def test_any_bytes_give_a_plane_or_one_error(tmp_path_factory, data, head):
    path = tmp_path_factory.getbasetemp() / "any.tif"
    path.write_bytes(head + data)
    try:
        assert read_plane(str(path)).ndim == 2
    except InputError as error:
        assert "any.tif" in str(error)


@pytest.mark.parametrize("shape", [(4, 5, 3), (2, 4, 5)])
def test_colour_and_stacks_are_refused(tmp_path, shape):
    tifffile.imwrite(tmp_path / "x.tif", np.zeros(shape, np.uint8))
    with pytest.raises(InputError, match=r"x\.tif: .*expected a grey"):
        read_plane(str(tmp_path / "x.tif"))


def test_files_that_are_not_there(tmp_path):
    for uri in ("no.tif", "no.zip!m", "no.parquet#0"):
        with pytest.raises(InputError, match="no"):
            read_plane(f"{tmp_path}/{uri}")


def test_uris():
    assert split_uri("a/b.zip!c/d!.tif")[:3] == ("a/b.zip", "zip", "c/d!.tif")
    assert split_uri("a#b/c.parquet#12")[:3] == ("a#b/c.parquet", "parquet", "12")
    assert split_uri("a/b#c!.tif")[:3] == ("a/b#c!.tif", "file", "")


def test_a_tiff_whose_strips_lie_apart_goes_the_general_way():
    image = plane(5, (4, 3))
    data = bytearray(tiff(image))
    fast = bare_tiff(bytes(data))
    assert fast is not None
    page = tifffile.TiffFile(io.BytesIO(bytes(data))).pages[0]
    tag = page.tags["StripOffsets"]
    if tag.count == 1:
        struct.pack_into("<I", data, tag.valueoffset, len(data))
        with pytest.raises(ValueError, match="truncated TIFF"):
            bare_tiff(bytes(data))
