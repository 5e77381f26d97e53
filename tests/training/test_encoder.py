"""The encoder and head against the reference's golden values, and their shapes."""

import numpy as np
import pytest
import timm
import torch

from cwamsn.tables import InputError
from cwamsn.training import ProjectionHead, build_encoder
from cwamsn.training.batch import Group
from cwamsn.training.model import Model
from tests.training.tiny import recipe


@pytest.fixture(scope="module")
def values(golden):
    with np.load(golden / "vit.npz", allow_pickle=False) as archive:
        found = {key: torch.tensor(archive[key]) for key in archive.files}
    return {key: v.double() if v.is_floating_point() else v for key, v in found.items()}


@pytest.fixture(scope="module")
def state(golden):
    with np.load(golden / "vit_state.npz", allow_pickle=False) as archive:
        return {key: torch.tensor(archive[key]) for key in archive.files}


def split(state):
    trunk = {k: v for k, v in state.items() if not k.startswith("fc.")}
    return trunk, {k.removeprefix("fc."): v for k, v in state.items() if k.startswith("fc.")}


@pytest.fixture(params=["eager", "fused"])
def encoder(request, state):
    model = build_encoder(
        "vit_small_patch16_224", 5, embed_dim=48, depth=3, num_heads=3, attention=request.param
    ).double()
    model.vit.load_state_dict(split(state)[0])
    return model


def close(got, want):
    torch.testing.assert_close(got, want, rtol=0, atol=1e-12)


@torch.no_grad()
def test_class_tokens_are_the_reference_s(encoder, values):
    close(encoder(values["x224"]), values["cls_224_full"])
    close(encoder(values["x96_0"]), values["cls_96_full"])
    close(encoder(values["x224"], values["keep_idx_224"]), values["cls_224_masked"])
    close(encoder(values["x96_0"], values["keep_idx_96"]), values["cls_96_masked"])
    close(encoder(values["x224"], final_norm=False), values["forward_blocks1_224"])


@torch.no_grad()
def test_position_embeddings_are_the_reference_s(encoder, values):
    close(encoder.position_embedding(14, 14), values["pos_embed_224"])
    close(encoder.position_embedding(6, 6), values["pos_embed_96"])


@torch.no_grad()
def test_a_mask_may_be_one_row_a_sample(encoder, values):
    per_sample = values["keep_idx_224"].repeat(4, 1)
    per_sample[1] = values["perm_224"][30:]
    got = encoder(values["x224"], per_sample)
    close(got[[0, 2, 3]], values["cls_224_masked"][[0, 2, 3]])
    close(got[1:2], encoder(values["x224"][1:2], values["perm_224"][30:]))


@torch.no_grad()
def test_head_is_the_reference_s(encoder, state, values):
    head = ProjectionHead(48, 40, 24).double()
    head.load_state_dict(split(state)[1])
    tokens = encoder(values["x224"])
    close(head.eval()(tokens), values["z_224_full_eval"])
    close(head.train()(tokens), values["z_224_full_train"])
    close(head.bn1.running_mean, values["bn1_running_mean_after_one"])
    close(head.bn1.running_var, values["bn1_running_var_after_one"])


@torch.no_grad()
def test_an_anchor_pass_takes_batch_statistics_a_view_size(state, values):
    small = recipe(
        encoder="vit_small_patch16_224",
        encoder_options={"embed_dim": 48, "depth": 3, "num_heads": 3},
        rand_size=224,
        focal_size=96,
        hidden_dim=40,
        output_dim=24,
    )
    model = Model(small, channels=5, classes=3).double().train()
    trunk, head = split(state)
    model.anchor.encoder.vit.load_state_dict(trunk)
    model.anchor.head.load_state_dict(head)
    # project_anchors gives float32 for the loss; the golden values are float64
    model.anchor.register_forward_hook(lambda module, inputs, z: passes.append(z))
    passes = []
    groups = [
        Group(values["x224"], values["keep_idx_224"]),
        Group(torch.cat([values["x96_0"], values["x96_1"]]), None),
    ]
    joined = model.project_anchors(groups)
    close(torch.cat(passes), values["anchor_pass_z"])
    torch.testing.assert_close(joined.double(), values["anchor_pass_z"], rtol=0, atol=2e-6)
    close(model.anchor.head.bn1.running_mean, values["bn1_running_mean_after_anchor_pass"])


@torch.no_grad()
@pytest.mark.parametrize("height,width", [(224, 224), (64, 160), (16, 48)])
def test_images_of_any_multiple_of_the_patch_size(height, width):
    encoder = build_encoder("vit_tiny_patch16_224", 3, depth=1)
    images = torch.randn(2, 3, height, width)
    assert encoder(images).shape == (2, 192)
    assert encoder.position_embedding(height // 16, width // 16).shape == (1, 1 + height * width // 256, 192)
    with pytest.raises(InputError, match="no multiple of the patch size"):
        encoder(torch.randn(1, 3, height + 8, width))


def test_every_resolution_trains_the_position_embedding():
    encoder = build_encoder("vit_tiny_patch16_224", 3, depth=1)
    (encoder(torch.randn(1, 3, 96, 48))[:, 0]).sum().backward()
    assert (encoder.vit.pos_embed.grad[:, 1:].abs().sum(-1) > 0).any()


def test_vit_s_has_the_paper_s_size_and_initialisation():
    torch.manual_seed(0)
    encoder = build_encoder("vit_small_patch16_224", 5)
    assert sum(p.numel() for p in encoder.parameters()) / 1e6 == pytest.approx(21.86, abs=0.005)
    head = ProjectionHead(384)
    assert sum(p.numel() for p in head.parameters()) / 1e6 == pytest.approx(5.51, abs=0.01)
    vit = encoder.vit
    for weight in (vit.pos_embed, vit.blocks[3].attn.qkv.weight, vit.blocks[0].mlp.fc1.weight, head.fc2.weight):
        assert weight.std().item() == pytest.approx(0.02, rel=0.03)
    assert vit.patch_embed.proj.weight.std().item() == pytest.approx((2 / (5 * 16 * 16)) ** 0.5, rel=0.03)
    assert all(not m.bias.any() for m in vit.modules() if isinstance(m, torch.nn.Linear))


@torch.no_grad()
def test_other_timm_models_give_their_pooled_features():
    encoder = build_encoder("resnet18", 5)
    assert encoder.eval()(torch.randn(2, 5, 64, 64)).shape == (2, encoder.num_features) == (2, 512)
    with pytest.raises(InputError, match="mask_ratio"):
        encoder(torch.randn(2, 5, 64, 64), torch.arange(3))


def test_unknown_encoders_and_options_are_refused():
    assert timm.is_model("vit_small_patch16_224")
    with pytest.raises(InputError, match=r"no model 'vit_smal_patch16_224'; nearest: .*vit_small_patch16_224"):
        build_encoder("vit_smal_patch16_224", 5)
    with pytest.raises(InputError, match="encoder_options"):
        build_encoder("vit_small_patch16_224", 5, widht=3)
    with pytest.raises(InputError, match="not a plain ViT"):
        build_encoder("vit_base_patch14_reg4_dinov2", 5, depth=1, embed_dim=48, num_heads=2)
