"""Pixels under a declared range, and illumination divided out: compared with naive versions, refused where wrong."""

import numpy as np
import pandas as pd
import pytest
import tifffile

from cwamsn import tables
from cwamsn.crops import CropStore, compress_to_uint8
from cwamsn.crops.corrections import to_unsigned
from cwamsn.crops.illumination import FEWEST_FIELDS, divide, read_illumination
from cwamsn.errors import InputError
from cwamsn.notes import collected
from cwamsn.screen_specs.image_options import ImageOptions
from tests.crops.screen import CHANNELS, gather, make_unit, random_field, write

GREY = random_field(1)[0]


@pytest.mark.parametrize(
    ("image", "low", "high", "expected"),
    [
        pytest.param(GREY.astype(np.int16) - 500, -500, 4000, np.minimum(GREY, 4500), id="int16"),
        pytest.param(GREY.astype(np.int32) + 1_000_000, 1_000_000, 1_004_095, GREY, id="int32"),
        pytest.param(GREY + 32768, 32768, 65535, GREY, id="an offset of 2 ** 15"),
        pytest.param(GREY.astype(">i2"), 0, 4095, GREY, id="big-endian"),
        pytest.param(GREY / np.float32(4095), 0, 1, np.rint(GREY / 4095 * 65535), id="float32"),
        pytest.param(GREY.astype(float) * 7, 0, 7 * 65535, GREY, id="float64"),
        pytest.param(GREY.astype(np.int32) * 70, 0, 70 * 65535, GREY, id="a range wider than 16 bits"),
        pytest.param((GREY >> 4).astype(np.uint8), 5, 255, np.maximum(GREY >> 4, 5) - 5, id="uint8"),
    ],
)
def test_a_range_makes_unsigned_pixels_of_any_type(image, low, high, expected):
    found, outside = to_unsigned(image, low, high, "f.tif")
    assert found.dtype == np.uint16 and outside == ((image < low) | (image > high)).sum()
    assert np.abs(found.astype(int) - expected.astype(int)).max() <= (0 if image.dtype.kind in "iu" else 1)


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (np.where(GREY > 1500, np.nan, GREY.astype(np.float32)), "of its pixels are not a number"),
        (GREY.astype(np.float32) + 5000, r"100% of its pixels lie outside images\.range \(0 to 4095\), its values are"),
    ],
)
def test_pixels_that_leave_the_range_are_refused(image, reason):
    with pytest.raises(InputError, match=rf"^f\.tif: .*{reason}"):
        to_unsigned(image, 0, 4095, "f.tif")


def unit_of(folder, kind, scale=1, offset=0, name="p1"):
    """A unit of two fields whose files hold pixels of another type."""
    unit = make_unit(folder, name, {a: random_field(k) for k, a in enumerate(("A01", "A02"))})
    for path in (folder / "raw" / name).glob("*.tif"):
        tifffile.imwrite(path, (tifffile.imread(path).astype(float) * scale + offset).astype(kind))
    return unit


def crops_of(unit, folder):
    index, *_ = gather([unit], folder)
    store = CropStore(index, folder)
    return [store.load(k).copy() for k in range(len(store))]


@pytest.mark.parametrize(
    ("kind", "scale", "offset", "given"),
    [
        (np.int16, 1, -300, {"p1": [-300, 3795]}),
        (np.int32, 1, 70_000, [70_000, 74_095]),
        (np.uint16, 1, 32768, [32768, 36863]),
    ],
)
def test_crops_of_other_types_are_those_of_unsigned_pixels(tmp_path, sections, kind, scale, offset, given):
    plain, other = unit_of(tmp_path / "a", np.uint16), unit_of(tmp_path / "b", kind, scale, offset)
    write(plain, sections)
    write(other, sections, images=ImageOptions(range=given))
    for a, b in zip(crops_of(plain, tmp_path / "a"), crops_of(other, tmp_path / "b"), strict=True):
        np.testing.assert_array_equal(a, b)


def test_float_pixels_keep_what_a_screen_shows(tmp_path, sections):
    plain, other = unit_of(tmp_path / "a", np.uint16), unit_of(tmp_path / "b", np.float32, 1 / 4095)
    write(plain, sections)
    write(other, sections, images=ImageOptions(range=[0, 1]))
    for a, b in zip(crops_of(plain, tmp_path / "a"), crops_of(other, tmp_path / "b"), strict=True):
        assert np.abs(a.astype(int) - b.astype(int)).max() <= 1


def test_float_pixels_without_a_range_are_left_out_with_what_to_declare(tmp_path, sections):
    unit = unit_of(tmp_path, np.float32, 1 / 4095)
    write(unit, sections)
    reasons = tables.read("qc", unit.qc)["reason"]
    assert reasons.str.contains(r"32-bit float32 pixels; declare the range of their values \(images\.range").all()


def test_pixels_outside_the_range_are_counted_and_said(tmp_path, sections):
    unit = unit_of(tmp_path, np.float32)
    write(unit, sections, images=ImageOptions(range=[100, 3500]))
    qc = tables.read("qc", unit.qc)
    planes = random_field(0)
    counts = ", ".join(f"{c} {n} pixels" for c, p in zip(CHANNELS, planes) if (n := ((p < 100) | (p > 3500)).sum()))
    assert qc["warning"].iloc[0].startswith(f"outside the range: {counts}") and "Mito" in counts
    with collected() as notes:
        gather([unit], tmp_path)
    assert any(n.startswith("outside the range: plate p1 2 of 2 fields") and "images.range" in n for n in notes)


def test_a_range_that_most_pixels_leave_stops_the_screen(tmp_path, sections):
    unit = unit_of(tmp_path, np.float32)
    write(unit, sections, images=ImageOptions(range=[0, 1]))
    with pytest.raises(InputError, match=r"none of the 2 fields of the screen is usable.*outside images\.range"):
        gather([unit], tmp_path)


def test_a_range_and_a_black_level_are_one_too_many(tmp_path, sections):
    unit = unit_of(tmp_path, np.uint16)
    with pytest.raises(InputError, match=r"crops\.black_level: is 100, and images\.range says what is black too"):
        write(unit, sections, images=ImageOptions(range=[0, 4095]), black_level=100)
    with pytest.raises(InputError, match=r"images\.range: has no plate p1, only P9"):
        write(unit, sections, images=ImageOptions(range={"P9": [0, 4095]}))


# Illumination


def lamp(shape=(40, 48)) -> np.ndarray:
    """Twice as bright in the middle as in the corners."""
    y, x = (np.linspace(-1, 1, n) for n in shape)
    return (2 - (y[:, None] ** 2 + x**2) / 2).astype(np.float32)


def test_illumination_is_divided_out_before_the_conversion(tmp_path, sections):
    functions = {c: str(tmp_path / "{plate}" / f"{{plate}}_Illum{c}.npy") for c in CHANNELS}
    unit = make_unit(tmp_path / "s", "p1", {"A01": random_field(1)})
    (tmp_path / "p1").mkdir()
    for k, c in enumerate(CHANNELS):
        np.save(tmp_path / "p1" / f"p1_Illum{c}.npy", lamp().astype(float) ** (k % 2 + 1))
    write(unit, sections, images=ImageOptions(illumination=functions))
    (crop,) = crops_of(unit, tmp_path / "s")
    for k, plane in enumerate(random_field(1)):
        naive = np.rint(plane / lamp() ** np.float32(k % 2 + 1)).astype(np.uint16)
        np.testing.assert_array_equal(crop[k], compress_to_uint8(naive))


def test_what_is_no_illumination_function_is_refused(tmp_path, sections):
    unit = make_unit(tmp_path / "s", "p1", {"A01": random_field(1)})

    def attempt(array, **save):
        np.save(tmp_path / "i.npy", array, **save)
        write(unit, sections, images=ImageOptions(illumination=dict.fromkeys(CHANNELS, str(tmp_path / "i.npy"))))

    for array, reason in (
        (np.zeros((40, 48)), "has values that are not above 0"),
        (np.ones((40, 48, 3)), r"is float64 of shape \(40, 48, 3\); give one plane"),
        (np.array(["a", {}], object), "is no .npy array"),
    ):
        with pytest.raises(InputError, match=rf"images\.illumination\.Mito: .*i\.npy: {reason}"):
            attempt(array, allow_pickle=True)
    attempt(np.ones((20, 24)))
    reason = tables.read("qc", unit.qc)["reason"].iloc[0]
    assert "40 x 48 pixels, the illumination function of Mito has 20 x 24; give that of these images" in reason
    with pytest.raises(InputError, match=r"images\.illumination\.Mito: .*none\.npy: cannot be read"):
        read_illumination(tmp_path / "none.npy", "Mito")
    with pytest.raises(InputError, match=r"images\.illumination: has no ERSyto, .*, only Mito; add its file"):
        write(unit, sections, images=ImageOptions(illumination={"Mito": str(tmp_path / "i.npy")}))


def test_a_corrected_pixel_stays_below_what_its_type_holds():
    plane = np.array([[65535, 10], [200, 0]], np.uint16)
    np.testing.assert_array_equal(divide(plane, np.full((2, 2), 0.5, np.float32)), [[65535, 20], [400, 0]])


def unevenly_lit(folder, fields, shape=(60, 64)):
    light = lamp(shape)
    rng = np.random.default_rng(0)
    planes = {
        f"{'ABCDEFGH'[k // 12]}{k % 12 + 1:02d}": np.stack(
            [np.clip(light * rng.gamma(4, 250, shape), 0, 65535) for _ in range(5)]
        ).astype(np.uint16)
        for k in range(fields)
    }
    return make_unit(folder, "p1", planes)


def test_an_estimated_illumination_is_that_of_the_lamp(tmp_path, sections):
    unit = unevenly_lit(tmp_path, 48)
    write(unit, sections, images=ImageOptions(illumination="estimate"))
    crops = np.mean(crops_of(unit, tmp_path), axis=0)
    write(unit, sections)
    plain = np.mean(crops_of(unit, tmp_path), axis=0)

    def unevenness(mean):
        blocks = mean[:, :60, :60].reshape(5, 6, 10, 6, 10).mean(axis=(2, 4))
        return (blocks.max(axis=(1, 2)) / blocks.min(axis=(1, 2))).max()

    assert unevenness(plain) > 1.6 and unevenness(crops) < 1.25


def test_too_few_fields_give_no_estimate(tmp_path, sections):
    unit = unevenly_lit(tmp_path, FEWEST_FIELDS - 1)
    with pytest.raises(InputError, match=r"estimate needs 16 fields of one plate and size, 15 of Mito can be read"):
        write(unit, sections, images=ImageOptions(illumination="estimate"))


def test_images_without_corrections_have_the_bytes_of_before(tmp_path, sections):
    units = [make_unit(tmp_path / name, "p1", {"A01": random_field(1)}) for name in "ab"]
    write(units[0], sections)
    write(units[1], sections, images=ImageOptions(stack="max", microns_per_pixel=0.65))
    for name in ("index", "qc", "statistics"):
        a, b = (getattr(u, name) for u in units)
        same = a.read_bytes() == b.read_bytes() if name == "statistics" else None
        assert same or pd.read_parquet(a).equals(pd.read_parquet(b))
    a, b = ((u.shards / "crops.arrow").read_bytes() for u in units)
    assert a == b
