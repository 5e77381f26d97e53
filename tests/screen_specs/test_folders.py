"""Which plate, well, site and stain the files of a folder are; folders as instruments and laboratories make them."""

import os

import pytest

from cwamsn.errors import InputError
from cwamsn.screen_specs.folders import look_again, look_into, one_per_plane

GUID = "E78EB128-BD0D-4D94-A6AD-3FF28BB1B105"


def _write(folder, *paths):
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(b"")
    return folder


def _told(folder, pattern=None):
    """path -> (plate, well, site, channel, z, time)"""
    found = look_into(folder, pattern)
    return {i.path: (i.plate, i.well, i.site, i.channel, i.z, i.time) for i in found.images}


def test_harmony_plates_are_named_without_the_time_of_their_measurement(tmp_path):
    one, two = "BR00117035__2021-05-02T16_02_51-Measurement1", "BR00117036__2021-05-03T16_02_51-Measurement 2"
    name = "r16c24f03p02-ch5sk1fk1fl1.tiff"
    _write(tmp_path, f"{one}/Images/{name}", f"{two}/Images/{name}", f"{one}/Images/Index.idx.xml")
    assert _told(tmp_path) == {
        f"{one}/Images/{name}": ("BR00117035", "P24", 3, "ch5", 2, 1),
        f"{two}/Images/{name}": ("BR00117036", "P24", 3, "ch5", 2, 1),
    }
    assert look_into(tmp_path / one, None).plates() == ["BR00117035"]
    assert look_into(tmp_path / one / "Images", None).plates() == ["BR00117035"]


def test_metaxpress_has_time_points_depths_and_thumbnails(tmp_path):
    inner = "screen_E07_s1_w1"
    _write(
        tmp_path,
        f"P1/2023-02-21/1334/TimePoint_1/ZStep_1/{inner}{GUID}.tif",
        f"P1/2023-02-21/1334/TimePoint_1/ZStep_2/{inner}{GUID}.tif",
        f"P1/2023-02-21/1334/TimePoint_1/ZStep_1/{inner}_thumb{GUID}.tif",
        f"P2/2023-02-21/1335/TimePoint_1/ZStep_1/{inner}{GUID}.tif",
    )
    found = look_into(tmp_path, None)
    assert (found.pattern.name, found.thumbnails, found.unmatched) == ("imagexpress", 1, [])
    assert [(i.plate, i.z, i.time) for i in found.images] == [("P1", 1, 1), ("P1", 2, 1), ("P2", 1, 1)]


def test_plates_are_the_prefixes_where_one_folder_holds_several(tmp_path):
    names = [f"{plate}_A01_T0001F001L01A0{c}Z01C0{c}.tif" for plate in ("Dest-1", "Dest-2") for c in (1, 2)]
    _write(tmp_path, *names, "DC_sCMOS #1_CAM1.tif", "._Dest-1_A01_T0001F001L01A01Z01C01.tif")
    found = look_into(tmp_path, None)
    assert found.plates() == ["Dest-1", "Dest-2"] and found.unmatched == ["DC_sCMOS #1_CAM1.tif"]
    _write(tmp_path, "b2/Dest-1_A01_T0001F001L01A01Z01C01.tif")
    here = tmp_path.name
    assert set(look_into(tmp_path, None).plates()) == {f"{here}_Dest-1", f"{here}_Dest-2", "b2_Dest-1"}


def test_a_labware_name_is_no_plate_where_folders_are(tmp_path):
    name = "AssayPlate_Greiner_#655090_C02_T0001F001L01A01Z01C01.tif"
    _write(tmp_path, f"20240101/BC 1/{name}", f"20240102/BC 2/{name}")
    assert look_into(tmp_path, None).plates() == ["20240101", "20240102"]
    _write(tmp_path, f"20240101/BC 3/{name}")
    assert look_into(tmp_path, None).plates() == ["BC 1", "BC 2", "BC 3"]
    assert look_into(tmp_path / "20240101/BC 1", "cv7000").plates() == ["BC 1"]


def test_folders_within_folders_are_joined_where_no_level_tells_plates_apart(tmp_path):
    _write(tmp_path, "a/1/A - 01(fld 1 wv DAPI - DAPI).tif", "a/2/A - 01(fld 1 wv DAPI - DAPI).tif")
    _write(tmp_path, "b/1/A - 01(fld 1 wv DAPI - DAPI).tif")
    assert look_into(tmp_path, None).plates() == ["a_1", "a_2", "b_1"]


def test_a_regular_expression_reads_names_or_whole_paths(tmp_path):
    _write(tmp_path, "P1/A01/3_DNA.tif", "P1/A01/3_ER.tif", "P2/2-4/1_DNA.tif")
    whole = r"(?P<plate>\w+)/(?P<well>[A-Z]\d+)/(?P<site>\d)_(?P<channel>\w+)\.tif"
    found = look_into(tmp_path, whole)
    assert found.unmatched == ["P2/2-4/1_DNA.tif"]
    assert [(i.plate, i.well, i.site, i.channel) for i in found.images] == [
        ("P1", "A01", 3, "DNA"),
        ("P1", "A01", 3, "ER"),
    ]
    rows = r"(?P<plate>P\d)/(?P<row>\d)-(?P<col>\d)/(?P<site>\d)_(?P<channel>\w+)\.tif"
    assert _told(tmp_path, rows) == {"P2/2-4/1_DNA.tif": ("P2", "B04", 1, "DNA", 0, 0)}
    with pytest.raises(InputError, match="'DNA' is not the number of a site; correct the group site"):
        look_into(tmp_path, r"(?P<well>\w)_(?P<site>\w+)(?P<channel>\.)tif")


@pytest.mark.parametrize(
    ("paths", "pattern", "said"),
    [
        (
            ["x_1.tif", "x_2.tif", "x_3.tif", "x_4.tif"],
            None,
            "none of 4 image files matches a known pattern, such as x_1.tif, x_2.tif, x_3.tif; nearest: ",
        ),
        (["r01c02f03p01-ch1.tiff"], None, "nearest: opera (r01c02f03p01-ch1sk1fk1fl1.tiff); set pattern to a regular"),
        (["A01_s1_w1.tif"], "opera", "matches the pattern opera, such as A01_s1_w1.tif; they match imagexpress: set"),
        (
            ["a.flex", "b.flex", "c.xml"],
            None,
            "has no image file (.tif, .tiff, .png, .jp2, .jxl); it has 2 .flex, 1 .xml",
        ),
        (
            ["P1.ome.zarr/A/1/0/.zattrs", "P1.ome.zarr/A/1/0/0/0.0"],
            None,
            "holds OME-Zarr, which needs no list; cwamsn check",
        ),
        ([], None, "it has nothing"),
    ],
)
def test_a_folder_that_matches_nothing_shows_names_and_the_nearest_pattern(tmp_path, paths, pattern, said):
    _write(tmp_path, *paths)
    with pytest.raises(InputError) as raised:
        look_into(tmp_path, pattern)
    assert said in str(raised.value) and "\n" not in str(raised.value)


def test_two_files_for_one_plane_and_several_times_are_refused(tmp_path):
    names = ["P_A01_T0001F001L01A01Z01C01.tif", "P_A01_T0001F001L01A02Z01C01.tif"]
    images = look_into(_write(tmp_path / "two", *names), None).images
    with pytest.raises(
        InputError, match=r"two files are plate two, well A01, site 1, channel C01: P_A01.*A02Z01C01\.tif"
    ):
        one_per_plane(images, tmp_path, None)
    names = ["P_A01_T0001F001L01A01Z01C01.tif", "P_A01_T0002F001L01A01Z01C01.tif"]
    images = look_into(_write(tmp_path / "times", *names), None).images
    with pytest.raises(InputError, match=r"plate times has 2 time points \(1, 2\); set time to one"):
        one_per_plane(images, tmp_path, None)
    assert [i.time for i in one_per_plane(images, tmp_path, 2)] == [2]
    with pytest.raises(InputError, match="has no image of time point 3; it has 1, 2"):
        one_per_plane(images, tmp_path, 3)


def test_a_folder_is_read_again_only_after_a_change(tmp_path, monkeypatch):
    _write(tmp_path, "P1/A01_s1_w1.tif")
    first = look_again(tmp_path, None)
    assert look_again(tmp_path, None) is first
    _write(tmp_path, "P1/A01_s1_w2.tif")
    os.utime(tmp_path / "P1", (1, 1))  # a clock that is too coarse to see it
    assert look_again(tmp_path, None).channels() == ["w1", "w2"]
    _write(tmp_path, "P2/A01_s1_w1.tif")
    assert look_again(tmp_path, None).plates() == ["P1", "P2"]


def test_a_link_to_a_folder_above_ends(tmp_path):
    _write(tmp_path, "P1/A01_s1_w1.tif")
    (tmp_path / "P1/loop").symlink_to(tmp_path)
    assert len(look_into(tmp_path, None).images) == 1


def test_the_real_images_are_recognised(shared):
    lincs, jump = (look_into(shared / name, None) for name in ("lincs_a549", "jump_u2os"))
    assert len(lincs.images) == 200 and lincs.plates()[0] == "SQ00015198"
    assert {i.well for i in lincs.images} == {"A01", "A13", "J18", "P13"}
    assert jump.channels() == ["ch1", "ch2", "ch3", "ch4", "ch5"] and {i.well for i in jump.images} == {"D14", "N09"}
