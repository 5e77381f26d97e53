"""Batches as images: which of them a process loads, and from which step on."""

import numpy as np
import pytest
import torch

from cwamsn.errors import InputError
from cwamsn.training import PairSampler, loader
from cwamsn.training.data import read_training_data
from cwamsn.training.loader import PairLoader
from tests.training.tiny import recipe, write_store


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return read_training_data(write_store(tmp_path_factory.mktemp("store")), recipe())


def load(data, first, last, **changes):
    chosen = recipe(**changes)
    sampler = PairSampler(data.crops, chosen.pairs, seed=0)
    return list(PairLoader(data, sampler, torch.device("cpu")).steps(first, last))


def test_the_images_are_those_of_the_pairs(data):
    (one,) = load(data, 0, 1)
    crops = data.crops["crop"].to_numpy()
    for images, numbers in ((one.anchor, one.pairs.anchor), (one.target, one.pairs.target)):
        assert images.dtype == torch.uint8
        np.testing.assert_array_equal(images.numpy(), data.store.load_batch(crops[numbers]))


def test_an_image_that_is_its_own_target_is_loaded_once(data):
    (one,) = load(data, 0, 1, target_from="image")
    assert one.anchor is one.target


def test_steps_go_on_from_any_step(data):
    whole, rest = load(data, 0, 5), load(data, 3, 5)
    assert [images.step for images in whole] == [0, 1, 2, 3, 4]
    for one, two in zip(whole[3:], rest, strict=True):
        assert one.step == two.step and torch.equal(one.target, two.target)


def test_processes_share_the_batch_evenly_or_not_at_all(data, monkeypatch):
    (whole,) = load(data, 0, 1)
    monkeypatch.setattr(loader, "world", lambda: (1, 2))
    (half,) = load(data, 0, 1)
    assert half.share == slice(4, 8) and torch.equal(half.anchor, whole.anchor[4:])
    monkeypatch.setattr(loader, "world", lambda: (0, 3))
    with pytest.raises(InputError, match="8 does not divide over 3 processes"):
        load(data, 0, 1)
