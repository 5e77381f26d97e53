"""Untrained twins: the weights that a training began with, and what is never trained stays."""

import numpy as np
import pytest
import torch

from cwamsn.embeddings.encoder import LoadedEncoder, load_encoder
from cwamsn.embeddings.twin import untrained
from cwamsn.models import build_pretrained, load_pretrained
from cwamsn.models.channelwise import ChannelwiseEncoder, CrossChannelFormer
from cwamsn.models.published import TimmFeatures
from cwamsn.training import Recipe
from cwamsn.training.model import Model
from cwamsn.training.weights import save_encoder

from .test_images import SIDE, SMALL


def images(channels, side=SIDE):
    return torch.from_numpy(np.random.default_rng(0).normal(size=(2, channels, side, side)).astype(np.float32))


def test_a_network_that_knows_stains_by_name_is_told_of_them_again():
    stains = ["Mito", "ERSyto", "ERSytoBleed", "Ph_golgi", "Hoechst"]
    network, meta = load_pretrained("cell-painting-cnn", 5, channels=stains, untrained=0)
    twin, _ = untrained(LoadedEncoder(network, meta), 1)
    assert torch.equal(twin.places, network.places)
    assert not torch.equal(twin.model.conv_stem.weight, network.model.conv_stem.weight)
    assert twin(torch.rand(1, 5, 128, 128)).shape == (1, 672)


@pytest.mark.parametrize("feature", ["cls_last_block", "head"])
def test_a_trained_encoder_gets_the_weights_that_its_training_began_with(tmp_path, feature):
    recipe = Recipe.from_config(SMALL)
    torch.manual_seed(11)
    model = Model(recipe, 3, classes=5)
    description = {"recipe": recipe.to_config(), "channels": ["a", "b", "c"], "classes": 5, "input_size": SIDE}
    save_encoder(model, description | {"seed": 11}, tmp_path / "first")
    for parameter in model.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    save_encoder(model, description | {"seed": 11}, tmp_path / "trained")
    began, trained = (load_encoder(tmp_path / name, "target", feature) for name in ("first", "trained"))
    before = torch.get_rng_state()
    twin = untrained(trained, seed=99)
    assert torch.equal(torch.get_rng_state(), before), "nobody else's draws change"
    x = images(3)
    assert torch.equal(twin.encoder(x), began.encoder(x))
    assert not torch.allclose(twin.encoder(x), trained.encoder(x), atol=1e-3)
    assert not any(p.requires_grad for p in twin.encoder.parameters()) and not twin.encoder.training


def test_public_weights_are_drawn_again_and_fixed_positions_stay():
    torch.manual_seed(0)
    network = build_pretrained("openphenom", 3)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_()
    found = LoadedEncoder(network, {"weights": "openphenom", "in_channels": 3})
    first, second, other = (untrained(found, seed).encoder.state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(first[name], second[name]) for name in first)
    positions, patches = "vit_backbone.pos_embed", "vit_backbone.patch_embed.proj.weight"
    assert torch.equal(first[positions], network.state_dict()[positions])
    assert not torch.equal(first[patches], other[patches])
    assert not torch.equal(first[patches], network.state_dict()[patches])


def test_a_frozen_network_inside_stays(monkeypatch):
    def build(name, channels):
        frozen = TimmFeatures("resnet10t", 3)
        return ChannelwiseEncoder(frozen, CrossChannelFormer(frozen.num_features, channels, 8, 1, 4))

    monkeypatch.setattr("cwamsn.embeddings.twin.build_pretrained", build)
    torch.manual_seed(5)
    network = build("any", 2)
    with torch.no_grad():
        for tensor in network.state_dict().values():
            tensor.add_(1)
    twin = untrained(LoadedEncoder(network, {"weights": "any", "in_channels": 2}), 3).encoder
    kept, drawn = network.state_dict(), twin.state_dict()
    frozen = [name for name in kept if name.startswith("frozen.")]
    assert any("running_var" in name for name in frozen)
    assert all(torch.equal(kept[name], drawn[name]) for name in frozen)
    assert not any(torch.equal(kept[name], drawn[name]) for name in kept if name.startswith("former.proj"))
