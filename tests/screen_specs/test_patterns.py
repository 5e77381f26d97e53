"""File names as the instruments write them, and names that nearly are."""

import pytest

from cwamsn.errors import InputError
from cwamsn.screen_specs.patterns import PATTERNS, guess, nearest_pattern, pattern_of

GUID = "E78EB128-BD0D-4D94-A6AD-3FF28BB1B105"
DIGITS = "2DE5D0E6-1639-40D4-8654-9A6247B4B8CD"  # begins with a digit, as `w12DE5...` does in the wild

# name -> pattern, well (or row, column), site, channel, z, time
NAMES = {
    "r01c02f03p01-ch1sk1fk1fl1.tiff": ("opera", "01", "02", "03", "ch1", "01", "1"),
    "r16c24f100p12-ch10sk3fk1fl1.tif": ("opera", "16", "24", "100", "ch10", "12", "3"),
    "R01C02F03P01-CH1SK1FK1FL1.TIFF": ("opera", "01", "02", "03", "CH1", "01", "1"),
    f"Projection-Mix_E07_s1_w1{GUID}.tif": ("imagexpress", "E07", "1", "w1", None, None),
    f"181214-KOday7-40X-H2O2-Glu_B02_s1_w1{DIGITS}.tif": ("imagexpress", "B02", "1", "w1", None, None),
    f"val screen_B02_s12_w5{GUID}.tif": ("imagexpress", "B02", "12", "w5", None, None),
    "cdp2bioactives_a01_s1_w2c8f1c1a2-0bb3-4b8a-9187-2805f4c90506.tif": ("imagexpress", "a01", "1", "w2", None, None),
    "Act1_Plate10-SP-A8_A01_s1_w1.TIF": ("imagexpress", "A01", "1", "w1", None, None),
    "A01_s1_w10.tif": ("imagexpress", "A01", "1", "w10", None, None),
    "96well-5col-p21-2-1-HGS-PIP_C07_w1.TIF": ("imagexpress", "C07", None, "w1", None, None),
    "A - 01(fld 01 wv DAPI - DAPI).tif": ("incell", "A", "01", "01", "DAPI - DAPI", None, None),
    "A - 1(fld 1 wv Cy5 - Cy5).tif": ("incell", "A", "1", "1", "Cy5 - Cy5", None, None),
    "F - 001(fld 01 wv TL-Brightfield - DAPI).tif": ("incell", "F", "001", "01", "TL-Brightfield - DAPI", None, None),
    "A - 01(fld 1 wv Green - dsRed z 3).tif": ("incell", "A", "01", "1", "Green - dsRed", "3", None),
    "B - 02(fld 01 wv Blue - FITC - time 01 - 0 ms).tif": ("incell", "B", "02", "01", "Blue - FITC", None, "01"),
    "B - 4(fld 1 wv FITC - FITC- time 3 - 120000 ms).tif": ("incell", "B", "4", "1", "FITC - FITC", None, "3"),
    "Plate1_HA41_B - 01(fld 01 wv 390 - Blue).tif": ("incell", "B", "01", "01", "390 - Blue", None, None),
    "B - 03(fld 1 wv TL-Brightfield - Cy3 wix 2).tif": ("incell", "B", "03", "1", "TL-Brightfield - Cy3", None, None),
    "AssayPlate_Greiner_#655090_C02_T0001F001L01A01Z01C01.tif": ("cv8000", "C02", "001", "C01", "01", "0001"),
    "Dest210809-141456_K06_T0001F001L01A03Z01C04.tif": ("cv8000", "K06", "001", "C04", "01", "0001"),
    "MIG-Exp03-CP-40X-bin1X1_K07_T0001F001L01A01Z01C01.jxl": ("cv8000", "K07", "001", "C01", "01", "0001"),
}


@pytest.mark.parametrize("name", NAMES)
def test_a_name_as_the_instrument_writes_it(name):
    kind, *told = NAMES[name]
    matching = [pattern.name for pattern in PATTERNS.values() if pattern.regex.fullmatch(name)]
    assert matching == [kind]
    found = PATTERNS[kind].regex.fullmatch(name).groupdict()
    place = [found["well"]] if "well" in found else [found["row"], found["column"]]
    assert [*place, found.get("site"), found["channel"], found.get("z"), found.get("time")] == told


@pytest.mark.parametrize(
    "name",
    [
        "r01c02f03p01-ch1.tiff",
        "r1c2f3p1-ch1sk1fk1fl1.tiff",
        "001001000.flex",
        f"Plate_A01_s1_w1_thumb{GUID}.tif",
        "Plate_A01_s1_w1E78EB128-BD0D.tif",
        "A01_s1_w1_montage.tif",
        "Plate_Q01_s1_w1.tif",
        "A - 01(fld 01).tif",
        "A - 01 fld 01 wv DAPI - DAPI.tif",
        "Plate_A01_T0001F001L01A01Z01.tif",
        "DC_sCMOS #1_CAM1.tif",
        "SC_BP445-45_40x_M10_CH01.tif",
        "W0001F0001T0001Z001C1.tif",
        "r01c02f03p01-ch1sk1fk1fl1.tiff.bak",
        "IMG_0001.tif",
    ],
)
def test_a_name_that_nearly_matches_is_not_taken(name):
    assert not [pattern.name for pattern in PATTERNS.values() if pattern.regex.fullmatch(name)]


def test_the_example_of_each_pattern_matches_it():
    assert all(pattern.regex.fullmatch(pattern.example) for pattern in PATTERNS.values())


def test_the_pattern_of_most_names_is_guessed():
    names = ["r01c02f03p01-ch1sk1fk1fl1.tiff", "A01_s1_w1.tif", "A01_s1_w2.tif", "note.tif"]
    assert guess(names).name == "imagexpress" and guess(["a.tif"]) is None


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("r01c02f03p01-ch1.tiff", "opera"),
        (f"Plate_A01_s1_c1{GUID}.tif", "imagexpress"),
        ("A-01(fld01 DAPI).tif", "incell"),
        ("Plate_A01_T0001F001L01A01Z01.tif", "cv8000"),
        ("W0001F0001T0001Z001C1.tif", "cv8000"),
    ],
)
def test_the_nearest_pattern_of_a_name(name, near):
    assert nearest_pattern([name]).name == near


@pytest.mark.parametrize(("text", "name"), [("Phenix", "opera"), ("CV-7000", "cv8000"), ("IN Cell", "incell")])
def test_instruments_have_several_names(text, name):
    assert pattern_of(text).name == name


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("opra", "'opra' is no known pattern (nearest: opera"),
        (r"(?P<well>\w+_(?P<channel>\d+)", "is not a regular expression"),
        (r"(?P<well>\w+)_\d+", "has no group (?P<channel>...)"),
        (r"(?P<row>\w)_(?P<channel>\d+)", "has no group (?P<well>...), nor (?P<row>...) and (?P<column>...)"),
        (r"(?P<wells>\w+)_(?P<channel>\d+)", "group 'wells' is not known; nearest: well"),
    ],
)
def test_a_pattern_that_cannot_place_an_image_is_refused(text, said):
    with pytest.raises(InputError) as raised:
        pattern_of(text)
    assert str(raised.value).startswith("pattern: ") and said in str(raised.value) and "\n" not in str(raised.value)
