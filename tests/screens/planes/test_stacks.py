"""Files of several planes: the one that is meant is read, whoever wrote the file; none is guessed."""

import io

import numpy as np
import pytest
import tifffile

from cwamsn.errors import InputError
from cwamsn.screen_specs.image_options import ImageOptions
from cwamsn.screen_specs.selection import split_selection
from cwamsn.screens import PlaneReader
from cwamsn.screens.planes.bounds import Refused
from cwamsn.screens.planes.decode import decode_plane

from ..loopback import plane

CZ = np.stack([[plane(10 * c + z, (32, 40)) for z in range(3)] for c in range(4)])  # (C, Z, H, W)


def saved(image, **options) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, image, photometric="minisblack", **options)
    return buffer.getvalue()


def read(data, selection="", stack="refuse"):
    return decode_plane(data, split_selection(f"f.tif{'!' if selection else ''}{selection}")[1], stack)


WRITERS = {
    "OME": lambda x: saved(x, ome=True, metadata={"axes": "CZYX"}),
    "OME, LZW": lambda x: saved(x, ome=True, metadata={"axes": "CZYX"}, compression="lzw"),
    "OME, BigTIFF, tiles": lambda x: saved(x, ome=True, bigtiff=True, tile=(16, 16), metadata={"axes": "CZYX"}),
    "OME, another order": lambda x: saved(x.swapaxes(0, 1), ome=True, metadata={"axes": "ZCYX"}),
    "ImageJ": lambda x: saved(x.swapaxes(0, 1), imagej=True, metadata={"axes": "ZCYX"}),
    "ImageJ, one directory": lambda x: saved(x.swapaxes(0, 1), imagej=True, metadata={"axes": "ZCYX"}, truncate=True),
    "tifffile, big-endian": lambda x: saved(x, metadata={"axes": "CZYX"}, byteorder=">"),
    "tifffile, one directory": lambda x: saved(x, metadata={"axes": "CZYX"}, truncate=True, byteorder=">"),
}


@pytest.mark.parametrize("writer", WRITERS)
def test_channels_and_depths_are_found_whoever_wrote_the_file(writer):
    data = WRITERS[writer](CZ)
    for c in range(4):
        np.testing.assert_array_equal(read(data, f"c={c},z=1"), CZ[c, 1])
        np.testing.assert_array_equal(read(data, f"c={c},z=max"), CZ[c].max(axis=0))
        np.testing.assert_array_equal(read(data, f"c={c}", "max"), CZ[c].max(axis=0))
        np.testing.assert_array_equal(read(data, f"c={c}", 2), CZ[c, 2])
        np.testing.assert_array_equal(read(data, f"c={c},z=0", 2), CZ[c, 0])  # the name goes first
    for wanted, reason in (
        ("", "4 channels"),
        ("c=1", r"3 depths \(z\)"),
        ("z=1", "4 channels"),
        ("c=4,z=0", "of channels it has 0 to 3, not 4"),
        ("c=0,z=3", r"of depths \(z\) it has 0 to 2, not 3"),
        ("c=0,z=0,t=1", "of times it has 0 alone, not 1"),
    ):
        with pytest.raises(Refused, match=reason):
            read(data, wanted)


def test_the_sharpest_depth_is_the_one_in_focus():
    from scipy.ndimage import gaussian_filter

    sharp = plane(1, (64, 64)).astype(float)
    depths = [gaussian_filter(sharp, s).astype(np.uint16) for s in (4, 2, 0.5, 3)]
    data = saved(np.stack(depths), metadata={"axes": "ZYX"})
    np.testing.assert_array_equal(read(data, "", "sharpest"), depths[2])
    np.testing.assert_array_equal(read(data, "z=sharpest"), depths[2])


def test_pages_without_a_name_are_channels_or_depths_as_the_user_says():
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer) as writer:
        for page in CZ[:, 0]:
            writer.write(page, metadata=None)
    data = buffer.getvalue()
    for k in range(4):
        np.testing.assert_array_equal(read(data, f"c={k}"), CZ[k, 0])
        np.testing.assert_array_equal(read(data, f"page={k}"), CZ[k, 0])
        np.testing.assert_array_equal(read(data, f"z={k}"), CZ[k, 0])
    np.testing.assert_array_equal(read(data, "", "max"), CZ[:, 0].max(axis=0))
    for wanted, stack, reason in (
        ("", "refuse", r"4 pages \(32 x 40\).*name the one that is meant"),
        ("c=1", "max", "channels or depths: the file does not say"),
        ("c=1,z=0", "refuse", "channels or depths: the file does not say"),
        ("page=4", "refuse", "it has pages 0 to 3, not 4"),
    ):
        with pytest.raises(Refused, match=reason):
            read(data, wanted, stack)


def test_a_file_that_says_depths_has_no_channels():
    data = saved(CZ[0], metadata={"axes": "ZYX"})
    np.testing.assert_array_equal(read(data, "c=0,z=2"), CZ[0, 2])
    with pytest.raises(Refused, match="of channels it has 0 alone, not 1"):
        read(data, "c=1,z=2")


def test_a_single_plane_is_itself_and_nothing_else():
    for data in (saved(CZ[0, 0]), saved(CZ[0, 0], compression="zlib"), saved(CZ[0, 0], ome=True)):
        for wanted in ("", "c=0", "z=0", "page=0", "z=max", "c=0,z=sharpest,t=0"):
            np.testing.assert_array_equal(read(data, wanted), CZ[0, 0])
        for wanted, stack in (("c=1", "refuse"), ("z=1", "refuse"), ("page=1", "refuse"), ("", 1)):
            with pytest.raises(Refused, match="not 1"):
                read(data, wanted, stack)


def test_channels_side_by_side_like_colours_are_read_when_one_is_named():
    image = np.stack([CZ[c, 0] for c in range(3)], axis=-1)
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, image, photometric="rgb")
    for data in (buffer.getvalue(), saved(np.moveaxis(image, -1, 0), planarconfig="separate", metadata=None)):
        np.testing.assert_array_equal(read(data, "c=2"), CZ[2, 0])
        with pytest.raises(Refused, match=r"3 samples per pixel|3 pages"):
            read(data)
        with pytest.raises(Refused, match="of channels it has 0 to 2, not 3"):
            read(data, "c=3")


def ome_set(files: int = 3) -> list[bytes]:
    """A multi-file OME-TIFF: the XML of each file describes all, and says which the file itself is."""
    blocks = "".join(
        f'<TiffData FirstC="{c}" IFD="0" PlaneCount="1"><UUID FileName="{c}.tif">urn:uuid:{c:032x}</UUID></TiffData>'
        for c in range(files)
    )
    return [
        saved(
            CZ[c, 0],
            metadata=None,
            description=(
                f'<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="urn:uuid:{c:032x}"><Image '
                'ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="uint16" SizeX="40" SizeY="32" '
                f'SizeC="{files}" SizeZ="1" SizeT="1">{blocks}</Pixels></Image></OME>'
            ),
        )
        for c in range(files)
    ]


def test_a_file_of_a_multi_file_ome_set_is_the_plane_that_it_holds():
    for c, data in enumerate(ome_set()):
        np.testing.assert_array_equal(read(data), CZ[c, 0])
        np.testing.assert_array_equal(read(data, f"c={c}"), CZ[c, 0])
        with pytest.raises(Refused, match=rf"of channels it has {c} alone, not {c + 1}"):
            read(data, f"c={c + 1}")


def test_several_images_in_one_ome_file_need_a_page():
    buffer = io.BytesIO()
    with tifffile.TiffWriter(buffer, ome=True) as writer:
        for k in range(2):
            writer.write(CZ[:, k], photometric="minisblack", metadata={"axes": "CYX"})
    with pytest.raises(Refused, match=r"2 images \(fields\) in one OME-TIFF; name a page"):
        read(buffer.getvalue(), "c=1")
    np.testing.assert_array_equal(read(buffer.getvalue(), "page=5"), CZ[1, 1])


def test_the_reader_takes_a_selection_and_the_screens_way_with_depths(tmp_path):
    (tmp_path / "a.tif").write_bytes(WRITERS["OME"](CZ))
    with PlaneReader() as reader:
        np.testing.assert_array_equal(reader.read(f"{tmp_path}/a.tif!c=2,z=1"), CZ[2, 1])
        with pytest.raises(InputError, match=r"a\.tif!c=2: not a readable plane"):
            reader.read(f"{tmp_path}/a.tif!c=2")
    with PlaneReader(ImageOptions(stack="max")) as reader:
        np.testing.assert_array_equal(reader.read(f"{tmp_path}/a.tif!c=2"), CZ[2].max(axis=0))
