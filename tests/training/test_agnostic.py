"""Encoders for any number of channels are trained by every objective that images alone need."""

import pandas as pd
import pytest
import torch

from cwamsn.errors import InputError
from cwamsn.models import ViTEncoder, deterministic_algorithms
from cwamsn.training import restore_encoder, train
from cwamsn.training.model import Model
from cwamsn.training.views import random_channels
from tests.training.test_graph import standin, trained
from tests.training.test_objectives import DECODER, PLAIN, UNREPEATABLE, Operations, model_and_batch, without_gradient
from tests.training.test_views import make
from tests.training.tiny import SMALL, recipe, write_store

NAMES = ["bag-of-channels", "channel-tokens"]
OBJECTIVES = {
    "msn": {},
    "simclr": {"target_from": "image"},
    "supcon": {},
    "wsl": {},
    "cropmae": {"target_view": "nested", "objective_options": DECODER},
}


def agnostic(name, **changes):
    options = SMALL["encoder_options"] | {"backbone": SMALL["encoder"]}
    return {"encoder": name, "encoder_options": options, "channel_sampling": "hierarchical"} | changes


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return write_store(tmp_path_factory.mktemp("screen"))


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("name", NAMES)
def test_every_objective_that_needs_images_alone_learns_with_masks_and_is_restored(name, objective, store, tmp_path):
    changes = PLAIN | OBJECTIVES[objective] | {"mask_ratio": 0.25, "mask_pattern": "sample"}
    chosen = recipe(objective=objective, steps=16, log_every=4, **agnostic(name, **changes))
    train(chosen, store, tmp_path, seed=0, threads=1)
    losses = pd.read_csv(tmp_path / "log.csv")["loss"]
    assert losses.iloc[-1] < losses.iloc[0], losses.tolist()
    encoder, description = restore_encoder(tmp_path)
    features = encoder(torch.randn(3, 5, 32, 32))
    assert features.shape == (3, 24) and features.std(dim=0).max() > 0
    assert description["recipe"]["encoder"] == name


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("name", NAMES)
def test_a_step_reaches_every_weight_by_operations_that_a_gpu_repeats(name, objective):
    changes = OBJECTIVES[objective] | {"mask_ratio": 0.25, "mask_pattern": "sample"}
    model, batch = model_and_batch(objective, **agnostic(name, **changes))
    assert all(group.channels is not None and not group.channels.all() for group in batch.anchors)
    for module in model.modules():
        if isinstance(module, ViTEncoder):
            module.products = True
    with deterministic_algorithms(True), Operations() as seen:
        model(batch)["loss"].backward()
    assert not seen.names & UNREPEATABLE and not without_gradient(model)
    waited = {"_local_scalar_dense", "nonzero", "masked_select", "unique_dim", "_unique2", "repeat_interleave"}
    assert not seen.names & waited, "a shape or a number that the device would have to be waited for"


@pytest.mark.parametrize("objective", ["msn", "cropmae"])
@pytest.mark.parametrize("name", NAMES)
def test_a_recorded_step_sees_the_channels_of_each_batch(name, objective, store, monkeypatch):
    changes = agnostic(name, objective=objective)
    wanted, numbers = trained(store, **changes)
    found, replayed = trained(store, standin, monkeypatch, **changes)
    assert torch.equal(replayed, numbers) and all(torch.equal(found[key], wanted[key]) for key in wanted)
    assert not torch.equal(numbers, trained(store, **changes | {"channel_sampling": "none"})[1])


def test_numbers_of_channels_are_uniform_and_so_are_the_channels():
    shown = random_channels(12000, 5, torch.Generator().manual_seed(0))
    share = torch.bincount(shown.sum(dim=1), minlength=6)[1:] / len(shown)
    torch.testing.assert_close(share, torch.full((5,), 0.2), rtol=0, atol=0.015)
    torch.testing.assert_close(shown.double().mean(dim=0), torch.full((5,), 0.6).double(), rtol=0, atol=0.015)
    assert random_channels(9, 1, torch.Generator()).all()


def test_channels_are_drawn_for_each_anchor_view_and_leave_all_else_as_it_is():
    plain, sampled = make(), make({"channel_sampling": "hierarchical"})
    assert [group.channels.shape for group in sampled.anchors] == [(6, 5), (12, 5)]
    for one, other in zip(plain.anchors, sampled.anchors):
        assert torch.equal(one.images, other.images) and one.channels is None
    assert torch.equal(plain.target, sampled.target)
    part = make({"channel_sampling": "hierarchical"}, share=slice(3, 6))
    whole = sampled.anchors[1].channels.unflatten(0, (2, 6))[:, 3:].flatten(0, 1)
    assert torch.equal(whole, part.anchors[1].channels), "a process gets its share"


def test_an_encoder_that_takes_all_channels_at_once_refuses_to_be_shown_some():
    with pytest.raises(InputError, match=r"training\.channel_sampling: vit_tiny_patch16_224 takes all channels at on"):
        Model(recipe(channel_sampling="hierarchical"), 5, 3)
