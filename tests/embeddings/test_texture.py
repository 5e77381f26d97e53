"""Texture features: the same numbers as the plain formulas, what they see, and input that has none."""

from itertools import combinations, pairwise

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.stats import skew

from cwamsn.embeddings.texture import texture
from cwamsn.errors import InputError

CHANNELS = ["Mito", "ERSyto", "Hoechst"]
SCALES = (1, 2, 4, 8)


def field(seed=0, shape=(3, 57, 70)):
    """Noise and blobs of a few pixels, bright ones more than dark ones: each band is skewed."""
    rng = np.random.default_rng(seed)
    grain = gaussian_filter(rng.standard_normal(shape), (0, 1.5, 1.5))
    return np.clip(60 + 20 * np.exp(4 * grain) + rng.normal(0, 4, shape), 0, 255).astype(np.uint8)


def naive(crop, channels, scales):
    values = {}
    for name, plane in zip(channels, crop.astype(float)):
        values[f"{name}_mean"] = plane.mean()
        blurred = [(0, plane)] + [(s, gaussian_filter(plane, s)) for s in scales]
        for (low, fine), (high, coarse) in pairwise(blurred):
            band = fine - coarse
            values[f"{name}_spread_{low:g}_{high:g}"] = band.std()
            values[f"{name}_skewness_{low:g}_{high:g}"] = skew(band.ravel())
    for i, j in combinations(range(len(channels)), 2):
        pair = np.corrcoef(crop[i].ravel(), crop[j].ravel())[0, 1]
        values[f"{channels[j]}_{channels[i]}_correlation"] = pair
    return values


@pytest.mark.parametrize("scales", [SCALES, (0.7, 3.5)])
def test_the_numbers_are_those_of_scipys_blurs(scales):
    found, expected = texture(field(), CHANNELS, scales), naive(field(), CHANNELS, scales)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=2e-5, abs=2e-5), name


def test_a_crop_may_be_smaller_than_the_widest_kernel():
    crop = field(shape=(3, 11, 13))
    found, expected = texture(crop, CHANNELS), naive(crop, CHANNELS, SCALES)
    assert list(found.values()) == pytest.approx([expected[name] for name in found], rel=1e-4, abs=1e-4)


def test_five_channels_give_fifty_five_numbers():
    assert len(texture(field(shape=(5, 32, 32)), list("abcde"))) == 55


def test_grain_moves_the_band_of_its_size_and_brightness_moves_only_the_mean():
    x = np.arange(64) * np.ones((64, 1))
    fine, coarse = 20 * np.sin(2 * np.pi * x / 4), 20 * np.sin(2 * np.pi * x / 32)
    values = {name: texture(100 + wave[None], ["a"]) for name, wave in {"fine": fine, "coarse": coarse}.items()}
    assert values["fine"]["a_spread_0_1"] > 5 * values["coarse"]["a_spread_0_1"]
    assert values["coarse"]["a_spread_4_8"] > 5 * values["fine"]["a_spread_4_8"]
    crop = field() // 2
    plain, brighter = texture(crop, CHANNELS), texture(crop + np.uint8(50), CHANNELS)
    for name, value in plain.items():
        assert brighter[name] == pytest.approx(value + 50 * name.endswith("_mean"), rel=1e-4, abs=1e-5), name


@pytest.mark.parametrize("level", [0, 77, 255])
def test_a_constant_channel_has_no_spread_and_undefined_skewness_and_correlations(level):
    crop = field()
    crop[1] = level
    found, whole = texture(crop, CHANNELS), texture(field(), CHANNELS)
    own = {name for name in found if "ERSyto" in name}
    undefined = {name for name, value in found.items() if np.isnan(value)}
    assert undefined == {name for name in own if "skewness" in name or "correlation" in name}
    assert found["ERSyto_mean"] == level and all(found[name] == 0 for name in own if "spread" in name)
    assert all(found[name] == whole[name] for name in found.keys() - own)


def test_one_dim_pixel_is_spread_and_not_rounding():
    crop = np.zeros((1, 200, 200), np.uint8)
    crop[0, 90, 90] = 1
    found = texture(crop, ["a"])
    assert found["a_spread_0_1"] == pytest.approx(naive(crop, ["a"], SCALES)["a_spread_0_1"], rel=1e-3)


@pytest.mark.parametrize("scales", [(), (0, 1), (1, 1, 2), (4, 2), (-1, 2)])
def test_scales_that_do_not_ascend_are_refused(scales):
    with pytest.raises(InputError, match=r"scales: .*must be numbers that ascend from above 0"):
        texture(field(), CHANNELS, scales)
