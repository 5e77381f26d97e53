"""Pictures of wells: their contrast, colours and size against plain versions, and what cannot be drawn."""

import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from cwamsn.errors import InputError
from cwamsn.pictures import (
    Contrast,
    PictureOptions,
    Thumbnails,
    colour_names,
    composite,
    contrast_of,
    encode_picture,
    plate_contrasts,
    shrink,
    single,
    stain_colours,
)
from cwamsn.pictures.contrast import levels_of
from tests.pictures.stores import noise, write_store


def opened(data):
    return np.asarray(Image.open(io.BytesIO(data)))


def test_a_contrast_is_the_percentiles_of_the_pixels():
    crop = np.random.default_rng(0).gamma(2, 20, (2, 300, 400)).clip(0, 255).astype(np.uint8)
    found = contrast_of(levels_of(crop), 1, 99.7)
    for channel in (0, 1):
        assert found.low[channel] == np.percentile(crop[channel], 1, method="inverted_cdf")
        assert found.high[channel] == np.percentile(crop[channel], 99.7, method="inverted_cdf")


def test_a_channel_of_one_grey_level_is_black_whatever_the_level():
    for level in (0, 7, 255):
        crop = np.full((1, 8, 8), level, np.uint8)
        contrast = contrast_of(levels_of(crop))
        assert not contrast.scaled(crop).any()


def test_a_composite_is_the_dimmed_sum_of_colours():
    planes, colours = noise(1, 5, 7), stain_colours(["Mito", "ER", "DNA"])
    contrast = Contrast(np.array([10, 0, 50], np.float32), np.array([200, 255, 60], np.float32))
    dimmed = colours * min(1, 420 / colours.sum(axis=0).max())
    found = composite(planes, contrast, colours)
    for y in range(5):
        for x in range(7):
            light = (planes[:, y, x] - contrast.low) / (contrast.high - contrast.low)
            expected = np.minimum((light.clip(0, 1)[:, None] * dimmed).sum(axis=0), 255)
            assert np.abs(found[y, x] - expected).max() <= 1
    grey = single(planes[0], contrast, 0)
    assert np.abs(grey - ((planes[0] - 10.0) / 190).clip(0, 1) * 255).max() <= 1


def test_a_stain_has_its_colour_under_every_name_and_no_two_share_one():
    bray = stain_colours(["Mito", "ERSyto", "ERSytoBleed", "Ph_golgi", "Hoechst"])
    assert (bray == stain_colours(["MitoTracker", "ER", "RNA", "AGP", "DNA"])).all()
    for channels in (["DNA", "ER", "RNA", "AGP", "Mito"], ["Hoechst", "ConA", "Phalloidin", "SYTO14", "Mito", "WGA"]):
        assert len(set(colour_names(channels).values())) == len(channels)
    assert len(set(map(tuple, stain_colours(["DNA", "AGP", "Phalloidin", "p53"]).tolist()))) == 4
    assert colour_names(["p53", "DNA"]) == {"p53": "white", "DNA": "blue"}


def test_colours_differ_in_lightness_so_that_no_two_hang_on_red_against_green():
    """Viénot's dichromats see a combination of red and green; the stains of Cell Painting stay apart in it."""
    colours = stain_colours(["DNA", "ER", "RNA", "AGP", "Mito"]) / 255
    seen = np.stack([colours @ [0.11, 0.89, 0.0], colours[:, 2]], axis=1)
    apart = np.linalg.norm(seen[:, None] - seen[None], axis=2) + np.eye(5)
    assert apart.min() > 0.15


@pytest.mark.parametrize("shape", [(64, 96), (96, 64), (333, 1000), (30, 31)])
def test_a_picture_is_as_large_as_asked_and_as_bright_as_the_crop(shape):
    crop = noise(2, *shape)
    found = shrink(crop, 48)
    assert max(found.shape[1:]) == min(48, max(shape))
    assert abs(found.shape[1] / found.shape[2] - shape[0] / shape[1]) < 0.05
    assert np.abs(found.mean(axis=(1, 2)) - crop.mean(axis=(1, 2))).max() < 1.5


def test_a_window_is_the_middle_of_the_field():
    crop = np.zeros((1, 100, 200), np.uint8)
    crop[:, 40:60, 90:110] = 200
    assert (shrink(crop, 20, window=20) == 200).all()
    assert shrink(crop, 400, window=400).shape == (1, 100, 200)


def test_whole_factors_shrink_to_plain_means():
    crop = noise(3, 64, 64)
    plain = crop.reshape(3, 16, 4, 16, 4).mean(axis=(2, 4))
    assert np.abs(shrink(crop, 16) - plain).max() < 2, "rounded twice"


def test_plates_have_contrasts_of_their_own_and_wells_of_a_plate_share_one(tmp_path):
    bright, dark = noise(4), noise(5, top=64)
    table = write_store(tmp_path, {"1_A01": [bright], "1_A02": [dark], "2_A01": [dark]})
    found = Thumbnails(table, options=PictureOptions(format="png", size=96))
    assert found.contrast(0) is found.contrast(1)
    assert found.contrast(2).high.max() < 64
    dim, alone = opened(found.of_well("1_A02")), opened(found.of_well("2_A01"))
    assert alone.mean() > 2 * dim.mean(), "the same pixels, on a plate that is dark as a whole"
    both = plate_contrasts(found.store, PictureOptions(fields=2))["1"]
    counts = levels_of(bright) + levels_of(dark)
    assert (both.high == contrast_of(counts).high).all()


def test_plates_that_repeat_in_every_experiment_are_told_apart(tmp_path):
    table = write_store(tmp_path, {"e1_1_A01": [noise(6)], "e2_1_A01": [noise(7, top=30)]})
    frame = pd.read_parquet(table).assign(plate="1")
    found = Thumbnails(frame, tmp_path)
    assert found.contrast(0).high.max() > 200 and found.contrast(1).high.max() < 30


def test_a_well_shows_its_first_field_by_name_and_every_channel(tmp_path):
    first, second = noise(8), noise(9)
    table = write_store(tmp_path, {"1_A01": [first, second]})
    frame = pd.read_parquet(table)
    options = PictureOptions(format="png", size=96)
    straight, turned = Thumbnails(frame, tmp_path, options), Thumbnails(frame.iloc[::-1], tmp_path, options)
    assert straight.of_well("1_A01") == turned.of_well("1_A01") != straight.of_crop(1)
    assert straight.of_well("1_A09") is None and straight.wells == ["1_A01"]
    channels = [opened(data) for data in straight.of_channels(0)]
    assert len(channels) == 3 and channels[0].shape == (64, 96)
    assert np.corrcoef(channels[2].ravel(), first[2].ravel())[0, 1] > 0.999


@pytest.mark.parametrize("format", ["webp", "jpeg", "png"])
def test_every_format_is_an_image_of_the_same_pixels(format):
    smooth = np.tile(np.linspace(0, 255, 64, dtype=np.uint8)[:, None, None], (1, 64, 3))
    data = encode_picture(smooth, PictureOptions(format=format, quality=95))
    assert np.abs(opened(data).astype(int) - smooth).mean() < 3


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"format": "gif"}, "known: webp, jpeg, png"),
        ({"size": 4}, "give 8 to 4096"),
        ({"quality": 0}, "give 1 to 100"),
        ({"window": 2}, "give 8 pixels or more"),
        ({"low": 99, "high": 2}, "low < high"),
    ],
)
def test_options_that_draw_nothing_are_refused(values, words):
    with pytest.raises(InputError, match=words):
        PictureOptions(**values)


def test_a_table_in_memory_needs_its_folder_and_a_plate_its_contrast(tmp_path):
    table = write_store(tmp_path, {"1_A01": [noise(1)]})
    with pytest.raises(InputError, match="needs the data folder"):
        Thumbnails(pd.read_parquet(table))
    with pytest.raises(InputError, match="no contrast is given for plate 1"):
        Thumbnails(table, contrasts={}).of_well("1_A01")
