"""Planes of Zarr arrays: which one is meant, what their pixels may be, and what is damaged."""

import json

import numpy as np
import pytest
import zarr

from cwamsn import screens
from cwamsn.errors import InputError
from cwamsn.screen_specs.image_options import ImageOptions
from cwamsn.screens import PlaneReader

from ..plates import MiniPlate, pixels


def array(folder, values, **more):
    chunks = more.pop("chunks", (*(1 for _ in values.shape[:-2]), 16, 16))
    found = zarr.create_array(folder, shape=values.shape, chunks=chunks, dtype=values.dtype, **more)
    found[...] = values
    return str(folder)


@pytest.mark.parametrize(("format", "kind"), [(2, "uint8"), (2, "<u2"), (2, ">u2"), (3, "uint8"), (3, "<u2")])
def test_an_array_without_an_image_around_it_is_read_by_its_axes(tmp_path, format, kind):
    values = (pixels(1)[:, 0] % 256).astype(kind)
    path = array(tmp_path / "a", values, zarr_format=format)
    found = screens.read_plane(f"{path}!c=3")
    np.testing.assert_array_equal(found, values[3])
    assert found.dtype == values.dtype.newbyteorder("=") and found.dtype.isnative
    plane = array(tmp_path / "b", values[0], zarr_format=format)
    np.testing.assert_array_equal(screens.read_plane(plane), values[0])
    np.testing.assert_array_equal(screens.read_plane(f"{plane}!c=0"), values[0])


def test_named_dimensions_are_obeyed(tmp_path):
    values = pixels(2, depths=3)
    path = array(tmp_path / "a", values.swapaxes(0, 1), zarr_format=3, dimension_names=("z", "c", "y", "x"))
    np.testing.assert_array_equal(screens.read_plane(f"{path}!c=4,z=2"), values[4, 2])


def test_pixels_under_a_declared_range_may_be_of_any_type(tmp_path):
    values = pixels(3)[:, 0].astype(np.float32) - 100
    path = array(tmp_path / "a", values)
    with pytest.raises(InputError, match="found 32-bit float32 pixels; declare the range"):
        screens.read_plane(f"{path}!c=1")
    with PlaneReader(ImageOptions(range=[-100, 4000])) as reader:
        np.testing.assert_array_equal(reader.read(f"{path}!c=1"), values[1])


@pytest.mark.parametrize(
    ("selection", "message"),
    [
        ("", "found 5 channels; name the one that is meant"),
        ("!c=5,z=0", "of channels it has 0 to 4, not 5"),
        ("!c=0", r"found 2 depths \(z\); name the one that is meant \(!z=3, z=max, from 0\), or set images.stack"),
        ("!c=0,z=2", r"of depths \(z\) it has 0 to 1, not 2"),
        ("!c=0,z=0,t=1", "of times it has 0 alone, not 1"),
        ("!page=1", "a Zarr array has no pages; choose with c=, z= or t="),
    ],
)
def test_a_plane_that_is_not_there_or_not_the_only_one_is_refused(tmp_path, selection, message):
    plate = MiniPlate(tmp_path / "P1.zarr", depths=2)
    with pytest.raises(InputError, match=message):
        screens.read_plane(f"{plate.folder}/A/1/0{selection}")


def test_a_damaged_chunk_is_one_bad_plane(tmp_path):
    plate = MiniPlate(tmp_path / "P1.zarr", "0.5", "cyx", sharded=True)
    chunk = plate.folder / "A/1/0/scale0/c/2/0/0"
    for broken in (b"", b"zeros" * 30, chunk.read_bytes()[:-9]):
        chunk.write_bytes(broken)
        with pytest.raises(InputError, match=r"A/1/0!c=2: not a readable plane"):
            screens.read_plane(f"{plate.folder}/A/1/0!c=2")
    np.testing.assert_array_equal(screens.read_plane(f"{plate.folder}/A/1/0!c=1"), plate.images["A/1", "0"][1, 0])


def test_a_store_that_names_gigabytes_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "a"
    zarr.create_array(path, shape=(2, 100_000, 100_000), chunks=(1, 16, 16), dtype="u2", zarr_format=3)
    with pytest.raises(InputError, match="its header names 100000 x 100000 pixels"):
        screens.read_plane(f"{path}!c=0")
    bomb = tmp_path / "b"
    zarr.create_array(bomb, shape=(40_000, 64, 64), chunks=(40_000, 4096, 4096), dtype="u2", zarr_format=2)
    with pytest.raises(InputError, match="its chunks unpack to more than 1 GiB"):
        screens.read_plane(f"{bomb}!c=0")


def test_a_folder_that_is_no_image_is_said_to_be_none(tmp_path):
    (tmp_path / "x").mkdir()
    with pytest.raises(InputError, match="no image is there"):
        screens.read_plane(str(tmp_path / "x"))
    plate = MiniPlate(tmp_path / "P1.zarr")
    (plate.folder / "A/1/0/scale0/.zarray").unlink()
    with pytest.raises(InputError, match="its array scale0 is not in the store; copy it again"):
        screens.read_plane(f"{plate.folder}/A/1/0!c=0")
    four = array(tmp_path / "four", pixels(1), zarr_format=2)
    with pytest.raises(InputError, match="4 axes, and its metadata do not name them"):
        screens.read_plane(f"{four}!c=0")
    meta = json.loads((tmp_path / "four/.zarray").read_text()) | {"chunks": [0, 1, 1, 1]}
    (tmp_path / "four/.zarray").write_text(json.dumps(meta))
    with pytest.raises(InputError, match="not the metadata of an array"):
        screens.read_plane(f"{four}!c=0")
