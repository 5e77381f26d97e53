"""Pixels of another size than those of an encoder's training: views are cut as much larger or smaller."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from cwamsn.embeddings import EmbedOptions
from cwamsn.embeddings.images import embed
from cwamsn.embeddings.pixel_size import resampling
from cwamsn.errors import InputError
from cwamsn.notes import collected

SIDE = 8
PLAIN = {"mean": [100.0, 120.0], "std": [40.0, 50.0]}
TRAINED = {"in_channels": 2, "view_size": SIDE, "channels": None, "image_size": [64, 64]}


class Mean(torch.nn.Module):
    """Each pixel of a view weighted by where it is, so that other boxes give other features."""

    def forward(self, views):
        y, x = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")
        return torch.stack([(views.mean(1) * w).sum((1, 2)) for w in (1 + y, 1 + x**2)], dim=1)


class Store:
    def __init__(self, shape=(48, 64)):
        rng = np.random.default_rng(0)
        self.frame = pd.DataFrame({"crop_id": ["a", "b", "c"], "well_id": ["w1", "w1", "w2"]})
        self.frame[["height", "width"]] = shape
        self.channels = ("A", "B")
        self.images = rng.integers(0, 256, (3, 2, *shape), dtype=np.uint8)

    def batch_shape(self, indices):
        return (len(indices), *self.images[0].shape)

    def load_batch(self, indices, out=None):
        return np.stack([self.images[i] for i in indices], out=out)


def described(microns):
    return TRAINED | {"training_screen": {"name": "t", "microns_per_pixel": microns}}


def notes_and_frame(trained, own, options, store=None):
    statistics = PLAIN | ({} if own is None else {"microns_per_pixel": own})
    with collected() as notes:
        frame = embed(Mean(), described(trained), store or Store(), statistics, options)
    return notes, frame


def options(**keys):
    return EmbedOptions(precision="float32", **keys)


def test_tiles_are_cut_in_the_pixels_of_the_screen():
    notes, found = notes_and_frame(1.3, 0.65, options(view="tiles", tile_size=12))
    _, expected = notes_and_frame(None, None, options(view="tiles", tile_size=24))
    pd.testing.assert_frame_equal(found, expected)
    assert notes == [
        "images are resampled: 0.65 µm per pixel here, 1.3 in the encoder's training: views are cut 2 times as large "
        "(embedding.view tiles)"
    ]
    _, smaller = notes_and_frame(0.65, 1.3, options(view="tiles", tile_size=48))
    pd.testing.assert_frame_equal(smaller, expected)


@pytest.mark.parametrize("view", ["center", "random_crops"])
def test_other_views_show_the_part_of_the_field_that_the_training_would_have_shown(view):
    _, found = notes_and_frame(1.0, 0.5, options(view=view))
    coarse = Store()
    coarse.images = coarse.images.reshape(3, 2, 24, 2, 32, 2).mean(axis=(3, 5)).round().astype(np.uint8)
    coarse.frame[["height", "width"]] = (24, 32)
    _, expected = notes_and_frame(None, None, options(view=view), coarse)
    if view == "center":  # the same place; half the pixels, however they are reduced
        np.testing.assert_allclose(found.iloc[:, 1:], expected.iloc[:, 1:], rtol=0.2, atol=15)
    _, plain = notes_and_frame(None, None, options(view=view))
    assert not np.allclose(found.iloc[:, 1:], plain.iloc[:, 1:])


@pytest.mark.parametrize("sizes", [(None, None), (None, 0.65), (0.65, None), (0.65, 0.65), (0.65, 0.6499)])
def test_unknown_or_equal_sizes_change_nothing(sizes):
    chosen = options(view="tiles", tile_size=16)
    notes, found = notes_and_frame(*sizes, chosen)
    pd.testing.assert_frame_equal(found, notes_and_frame(None, None, chosen)[1])
    said = sizes == (None, 0.65)
    assert notes == (
        ["nothing is resampled: the screen has 0.65 µm per pixel, the encoder's training does not say what it had"]
        if said
        else []
    )


def test_whole_fields_of_another_size_are_said():
    notes, found = notes_and_frame(1.0, 0.5, options(view="resize"))
    pd.testing.assert_frame_equal(found, notes_and_frame(None, None, options(view="resize"))[1])
    start = "whole fields are resized (embedding.view resize), 32 µm here and 64 µm in the encoder's training: "
    small = "cells appear 2 times as large; these fields are too small to show them as in training"
    assert notes == [start + small]
    large = notes_and_frame(0.5, 1.5, options(view="resize"))[0][0]
    assert large.endswith(
        "96 µm here and 32 µm in the encoder's training: cells appear 0.33 times as large; tiles of 21 pixels "
        "(embedding.view: tiles, tile_size) would show them as in training"
    )
    assert notes_and_frame(0.5, 0.5, options(view="resize"))[0] == []


def test_a_mistaken_unit_is_refused():
    with pytest.raises(InputError, match=r"microns_per_pixel: 650 µm, the encoder was trained at 0\.65 µm per pixel"):
        resampling(described(0.65), PLAIN | {"microns_per_pixel": 650})


def test_a_tile_that_no_longer_fits_is_refused():
    with pytest.raises(InputError, match=r"embedding\.tile_size: 80 pixels, crop a has 48 x 64"):
        notes_and_frame(1.0, 0.5, replace(options(view="tiles"), tile_size=40))
