"""The 8-bit conversion equals the published algorithm in every pixel."""

import numpy as np
import pytest
import tifffile
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from cwamsn.crops import compress_to_uint8
from cwamsn.crops.conversion import display_threshold
from cwamsn.errors import InputError
from tests.crops.screen import CHANNELS, published_conversion

# Published figures of the real Bray field (see docs/data.md).
FIELD = {
    "Mito": (2681, 50.37, 11.66),
    "ERSyto": (2753, 58.57, 20.78),
    "ERSytoBleed": (4095, 45.06, 15.65),
    "Ph_golgi": (4095, 63.74, 17.30),
    "Hoechst": (2527, 30.86, 23.16),
}


@pytest.mark.parametrize("channel", CHANNELS)
def test_real_bray_field(shared, channel):
    image = tifffile.imread(shared / "bray" / "field" / f"{channel}.tif")
    threshold, mean, std = FIELD[channel]
    assert image.shape == (520, 696) and display_threshold(image) == threshold
    out = compress_to_uint8(image)
    np.testing.assert_array_equal(out, published_conversion(image))
    assert round(out.mean(), 2) == mean and round(out.std(), 2) == std


images = st.integers(1, 65535).flatmap(
    lambda top: hnp.arrays(
        np.uint16,
        hnp.array_shapes(min_dims=2, max_dims=2, max_side=300),
        elements=st.integers(0, top),
        fill=st.integers(0, top),
    )
)


@settings(max_examples=150, deadline=None)
@given(images)
@example(np.array([[1, 0]], np.uint16))
def test_equals_the_published_algorithm(image):
    np.testing.assert_array_equal(compress_to_uint8(image), published_conversion(image))


@pytest.mark.parametrize("threshold", [1, 49, 98, 206, 255, 256, 257, 2047, 4095, 14321, 65534, 65535])
def test_every_value_below_a_threshold(threshold):
    """98 and 206 are thresholds at which the formula in doubles falls below the exact quotient."""
    image = np.append(np.arange(threshold + 1), 2 * [threshold]).astype(np.uint16)[None]
    np.testing.assert_array_equal(compress_to_uint8(image), published_conversion(image))


@pytest.mark.slow
def test_every_threshold_of_the_camera():
    values = np.arange(4096, dtype=np.uint16)[None]
    for threshold in range(1, 4096):
        image = np.minimum(values, threshold)
        np.testing.assert_array_equal(compress_to_uint8(image), published_conversion(image))


@pytest.mark.parametrize(
    ("height", "width", "n"),
    [(1, 1, 1), (250, 500, 4), (520, 696, 10), (1080, 1080, 33), (4, 100_000, 11), (100_000, 4, 11)],
)
def test_number_of_pixels_at_the_maximum(height, width, n):
    image = np.random.default_rng(0).permutation(height * width).reshape(height, width) % 65536
    assert display_threshold(image.astype(np.uint16)) == np.sort(image.ravel())[-n]


def test_blank_and_constant_planes():
    assert (compress_to_uint8(np.zeros((520, 696), np.uint16)) == 0).all()
    for value in (1, 100, 65535):
        assert (compress_to_uint8(np.full((33, 21), value, np.uint16)) == 255).all()


def test_a_few_bright_pixels_on_black_are_white():
    image = np.zeros((520, 696), np.uint16)
    image[7, 9] = 4000
    out = compress_to_uint8(image)
    assert out[7, 9] == 255 and out.sum() == 255


def test_8_bit_passes_unless_asked():
    image = np.random.default_rng(0).integers(0, 100, (64, 64), np.uint8)
    assert compress_to_uint8(image) is image
    np.testing.assert_array_equal(
        compress_to_uint8(image, convert_uint8=True), published_conversion(image.astype(np.uint16))
    )


def test_byte_order_and_strides_do_not_matter():
    image = np.random.default_rng(0).integers(0, 4096, (64, 80)).astype(np.uint16)
    expected = compress_to_uint8(image)
    np.testing.assert_array_equal(compress_to_uint8(image.astype(">u2")), expected)
    np.testing.assert_array_equal(compress_to_uint8(image.T).T, expected)
    np.testing.assert_array_equal(compress_to_uint8(image[::-1, ::-1])[::-1, ::-1], expected)


@pytest.mark.parametrize(
    "image", [np.zeros((2, 2), np.int32), np.zeros((2, 2, 5), np.uint16), np.zeros((0, 3), np.uint16)]
)
def test_other_arrays_are_refused(image):
    with pytest.raises(InputError, match="expected"):
        compress_to_uint8(image)
