"""Batches as images: which of them a process loads, and from which step on."""

import numpy as np
import pytest
import torch

from cwamsn.errors import InputError
from cwamsn.training import PairSampler, loader
from cwamsn.training.data import read_training_data
from cwamsn.training.loader import Drawn, LoaderLimit, PairLoader
from tests.training.tiny import recipe, write_store


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return read_training_data(write_store(tmp_path_factory.mktemp("store")), recipe(), 0)


def draw(step, pairs, share):
    """A number that tells whether the draw was for this step."""
    generator = torch.Generator().manual_seed(step)
    return Drawn({"number": torch.rand(3, generator=generator)}, generator)


def load(data, first, last, threads=0, depth=3, **changes):
    """Copies of the steps, each of which is valid only until the next."""
    sampler = PairSampler(data.crops, recipe(**changes).pairs, seed=0)
    steps = PairLoader(data, sampler, torch.device("cpu"), draw).steps(first, last, threads=threads, depth=depth)
    copied = []
    for one in steps:
        anchor = one.anchor.clone()
        copied.append(one._replace(anchor=anchor, target=anchor if one.target is one.anchor else one.target.clone()))
    return copied


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


@pytest.mark.parametrize(("threads", "depth"), [(1, 1), (2, 3), (5, 2)])
def test_steps_are_the_same_with_any_number_of_threads(data, threads, depth):
    """Over the end of an epoch: twelve perturbations give one batch of eight."""
    inline, ahead = load(data, 2, 9), load(data, 2, 9, threads, depth)
    assert [one.step for one in ahead] == list(range(2, 9))
    for one, two in zip(inline, ahead, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(one.pairs, two.pairs))
        assert torch.equal(one.anchor, two.anchor) and torch.equal(one.target, two.target)
        assert torch.equal(one.drawn.small["number"], two.drawn.small["number"])
        assert torch.equal(one.drawn.generator.get_state(), two.drawn.generator.get_state())


class Ahead:
    threads = 7

    class store:
        bytes_per_crop = 1.18e6

    def rate(self):
        return 5500.0


def test_it_is_said_once_that_loading_is_the_limit(capsys):
    limit = LoaderLimit(Ahead())
    limit.look_at(0.9)  # the ring was empty
    limit.look_at(0.2)
    assert capsys.readouterr().out == ""
    limit.look_at(0.35)
    limit.look_at(0.5)
    said = capsys.readouterr().out
    assert said.count("\n") == 1 and said.startswith("loading is the limit: 35% of the time the training waits")
    assert "7 loader thread(s) make 5,500 fields per second (6,490 MB/s of the crop store); more" in said


def test_a_small_network_that_loads_for_itself_is_not_told_so(capsys):
    ahead = Ahead()
    ahead.threads = 0
    limit = LoaderLimit(ahead)
    limit.look_at(0.4)
    limit.look_at(0.4)
    assert capsys.readouterr().out == ""
    limit.look_at(0.6)
    assert "of which no loader thread(s) make 5,500 fields" in capsys.readouterr().out


def test_processes_share_the_batch_evenly_or_not_at_all(data, monkeypatch):
    (whole,) = load(data, 0, 1)
    monkeypatch.setattr(loader, "world", lambda: (1, 2))
    (half,) = load(data, 0, 1)
    assert half.share == slice(4, 8) and torch.equal(half.anchor, whole.anchor[4:])
    monkeypatch.setattr(loader, "world", lambda: (0, 3))
    with pytest.raises(InputError, match="8 does not divide over 3 processes"):
        load(data, 0, 1)
