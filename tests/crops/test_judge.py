"""What is wrong with a field's planes, what only looks wrong, and what does neither."""

import numpy as np
import pytest
import tifffile

from cwamsn.crops import compress_to_uint8
from cwamsn.crops.judge import ADVICE, broken_tail, same_planes, suspicions

RNG = np.random.default_rng(0)


def drawn(size=128, top=12_000, floor=300) -> np.ndarray:
    """A plane of blobs upon a camera's floor and noise, 16 bits."""
    y, x = np.mgrid[:size, :size]
    out = RNG.poisson(floor, (size, size)).astype(float)
    for cy, cx in RNG.uniform(0, size, (max(4, size // 8), 2)):
        out += RNG.uniform(top / 3, top) * np.exp(-((y - cy) ** 2 + (x - cx) ** 2) / 90)
    return out.clip(0, 65535).astype(np.uint16)


def judged(*planes: np.ndarray, scaled=False) -> list[str]:
    named = {f"S{k}": plane for k, plane in enumerate(planes)}
    crop = np.stack([compress_to_uint8(plane) for plane in planes])
    return suspicions(named, crop, list(named), scaled)


@pytest.fixture(scope="module")
def real(shared) -> dict[str, np.ndarray]:
    """Every real plane of the shared data, by file name."""
    paths = sorted((shared / "bray" / "field").glob("*.tif")) + sorted((shared / "jump_u2os").rglob("*.tiff"))
    paths += sorted((shared / "lincs_a549" / "images").rglob("*.tif*"))
    return {path.name: tifffile.imread(path) for path in paths}


def test_no_real_plane_is_suspicious(real):
    assert len(real) >= 15
    for name, plane in real.items():
        assert judged(plane) == [], name
        assert broken_tail({"S": plane}, 0) is None, name
        for window in (plane[:128, :128], plane[-128:, -128:], plane[200:328, 300:428]):
            found = [text.partition(":")[0] for text in judged(window)]
            assert "constant border" not in found and "high floor" not in found, name


@pytest.mark.parametrize(
    ("plane", "kind"),
    [
        (drawn() // 16 + 32768, "high floor: S0 24"),
        (drawn() // 16 + 32768, "few grey levels: S0 "),
        (drawn() // 2000, "few grey levels: S0 "),
        (np.where(RNG.random((128, 128)) < 4e-4, 65535, drawn(top=3000)).astype(np.uint16), "dim: S0"),
        ((drawn() > 4000).astype(np.uint8) * 255, "few grey levels: S0 2"),
    ],
)
def test_an_offset_few_levels_and_hot_pixels_are_suspicious(plane, kind):
    assert any(text.startswith(kind) for text in judged(plane.astype(plane.dtype))), judged(plane)


def test_a_drawn_plane_is_not_suspicious():
    assert judged(drawn(), drawn(), drawn()) == []
    assert judged(np.full((40, 40), 7, np.uint16)) == []  # constant: the threshold min_std decides


@pytest.mark.parametrize("value", [0, 255, 65535])
def test_an_end_of_one_value_is_a_plane_that_broke_off(value):
    plane = drawn()
    plane.reshape(-1)[-4000:] = value
    reason = broken_tail({"DNA": drawn(), "ER": plane}, 0.01)
    assert reason == f"broken off: the last 31.2 of 128 rows of ER are all {value}"
    assert broken_tail({"ER": plane}, None) is None and broken_tail({"ER": plane}, 0.5) is None
    assert judged(plane) == [f"constant border: the 31 last rows of S0 are all {value}"]


@pytest.mark.parametrize(
    ("turn", "side"),
    [
        (lambda a: a[::-1], "first rows"),
        (lambda a: a.T, "last columns"),
        (lambda a: a[::-1].T, "first columns"),
    ],
)
def test_other_sides_of_one_value_are_suspicious(turn, side):
    plane = drawn()
    plane[-12:] = 0
    plane = np.ascontiguousarray(turn(plane))
    assert judged(plane) == [f"constant border: the 12 {side} of S0 are all 0"]
    assert broken_tail({"S": plane}, 0) is None


def test_a_black_background_is_no_broken_end():
    plane = drawn()
    plane[plane < 2000] = 0
    plane[-6:] = 0
    assert broken_tail({"S": plane}, 0) is None
    cut = np.where(plane > 0, plane, 0)
    cut[-60:] = 0
    cut[:-60] += (RNG.random((68, 128)) < 0.9).astype(np.uint16)
    assert any(text.startswith("constant border: the 60 last rows") for text in judged(cut))


def test_two_stains_with_the_same_pixels_are_wrong():
    a, b = drawn(), drawn()
    assert same_planes({"AGP": a, "ER": b, "Mito": a.copy()}) == (
        "AGP and Mito have the same pixels; one of the files is not what its name says"
    )
    close = a.copy()
    close[0, 0] += 1
    assert same_planes({"AGP": a, "ER": b, "Mito": close}) is None
    blank = np.zeros((9, 9), np.uint16)
    assert same_planes({"AGP": blank, "Mito": blank}) is None  # empty, which is another reason


def test_planes_of_both_depths_in_a_field_are_suspicious():
    narrow = (drawn() >> 6).astype(np.uint8)
    assert judged(drawn(), narrow) == ["mixed depths: 8 bits in S1, 16 in the others"]
    assert judged(drawn(), narrow, scaled=True) == [] and judged(narrow, narrow.T.copy()) == []


def test_every_kind_of_warning_comes_with_advice():
    kinds = {"few grey levels", "high floor", "dim", "constant border", "mixed depths", "repeated", "repeated channel"}
    assert set(ADVICE) == kinds | {"outside the range"}
