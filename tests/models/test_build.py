"""The encoder and head against the reference's golden values, and their shapes."""

import numpy as np
import pytest
import timm
import torch

from cwamsn.errors import InputError
from cwamsn.models import ProjectionHead, build_encoder, encoder_arguments, set_layout, takes_image_size
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
    model.anchor.register_forward_hook(lambda module, inputs, z: passes.append(z))
    passes = []
    groups = [
        Group(values["x224"], values["keep_idx_224"]),
        Group(torch.cat([values["x96_0"], values["x96_1"]]), None),
    ]
    joined = model.project_anchors(groups)
    close(torch.cat(passes), values["anchor_pass_z"])
    close(joined, values["anchor_pass_z"])
    close(model.anchor.head.bn1.running_mean, values["bn1_running_mean_after_anchor_pass"])


@torch.no_grad()
@pytest.mark.parametrize("height,width", [(224, 224), (64, 160), (16, 48)])
def test_images_of_any_multiple_of_the_patch_size(height, width):
    encoder = build_encoder("vit_tiny_patch16_224", 3, depth=1)
    images = torch.randn(2, 3, height, width)
    assert encoder(images).shape == (2, 192)
    assert encoder.position_embedding(height // 16, width // 16).shape == (1, 1 + height * width // 256, 192)
    with pytest.raises(InputError, match="not a multiple of the patch size"):
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


def test_convolutional_encoders_are_channels_last_on_a_gpu_with_the_same_values_and_weights():
    torch.manual_seed(0)
    encoder, images = build_encoder("resnet10t", 5, zero_init_last=False), torch.randn(2, 5, 64, 64)
    plain, state = encoder(images), {name: value.clone() for name, value in encoder.state_dict().items()}
    plain.square().mean().backward()
    wanted = {name: p.grad.clone() for name, p in encoder.named_parameters()}
    encoder.load_state_dict(state)  # running statistics have moved
    encoder.zero_grad()
    set_layout(encoder, torch.device("cuda:0"))
    assert encoder.model.layer1[0].conv1.weight.is_contiguous(memory_format=torch.channels_last)
    encoder.load_state_dict(state)
    got = encoder(images)
    torch.testing.assert_close(got, plain, rtol=1e-4, atol=1e-4)
    got.square().mean().backward()
    for name, p in encoder.named_parameters():
        torch.testing.assert_close(p.grad, wanted[name], rtol=1e-3, atol=1e-3, msg=name)
    set_layout(encoder, torch.device("cpu"))
    assert encoder.model.layer1[0].conv1.weight.is_contiguous() and not encoder.channels_last


def test_unknown_encoders_and_options_are_refused():
    assert timm.is_model("vit_small_patch16_224")
    with pytest.raises(InputError, match=r"no model 'vit_smal_patch16_224'; nearest: .*vit_small_patch16_224"):
        build_encoder("vit_smal_patch16_224", 5)
    with pytest.raises(InputError, match="encoder_options"):
        build_encoder("vit_small_patch16_224", 5, widht=3)
    with pytest.raises(InputError, match="not a plain ViT"):
        build_encoder("vit_base_patch14_reg4_dinov2", 5, depth=1, embed_dim=48, num_heads=2)


OPTIONS = {"embed_dim": 24, "depth": 2, "num_heads": 2}


@torch.no_grad()
@pytest.mark.parametrize("name", ["vit_tiny_patch16_224", "vit_base_patch16_clip_224", "vit_intern300m_patch14_448"])
def test_class_token_is_timm_s_own(name):
    """Of every plain ViT: with a norm before the blocks, and where patches come as a grid."""
    own = {"img_size": 56, "patch_size": 14}
    own_model = timm.create_model(name, in_chans=3, num_classes=0, **OPTIONS, **own).eval()
    for parameter in own_model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    encoder = build_encoder(name, 3, **OPTIONS, **own).eval()
    encoder.vit.load_state_dict(own_model.state_dict())
    images = torch.randn(2, 3, 56, 56)
    torch.testing.assert_close(encoder(images), own_model.forward_features(images)[:, 0], rtol=1e-4, atol=1e-4)


def test_vits_that_do_not_give_what_their_options_say_are_refused():
    with pytest.raises(InputError, match="global_pool: avg is not computed here"):
        build_encoder("vit_tiny_patch16_224", 3, **OPTIONS, global_pool="avg")
    with pytest.raises(InputError, match="not a plain ViT"):  # patches of a network's features, not of pixels
        build_encoder("vit_tiny_r_s16_p8_224", 3, **OPTIONS)


def test_without_the_final_norm_it_is_not_trained():
    encoder = build_encoder("vit_tiny_patch16_224", 3, **OPTIONS, final_norm=False)
    assert not any(p.requires_grad for p in encoder.vit.norm.parameters())


@pytest.mark.parametrize(
    ("encoder", "options", "words"),
    [
        ("channelwise", {"frozn": "x"}, "encoder_options.frozn: is no option of channelwise; nearest: frozen"),
        ("channelwise", {"final_norm": False}, "encoder_options.final_norm: is no option of channelwise"),
        ("channelwise", {"depth": "two"}, "encoder_options: channelwise does not take"),
        (
            "vit_tiny_patch16_224",
            {"attention": "fused"},
            "attention: is no option here; it is set by training.attention",
        ),
        ("vit_tiny_patch16_224", {"in_channels": 3}, "in_channels: is no option here"),
        ("vit_tiny_patch16_224", {"num_heads": 5}, "encoder_options: vit_tiny_patch16_224 does not take"),
        ("vit_tiny_patch16_224", {"num_heads": 0}, "encoder_options: vit_tiny_patch16_224 does not take"),
        ("resnet18", {"depth": 3}, "encoder_options: resnet18 does not take"),
    ],
)
def test_options_that_fit_no_network_are_one_line(encoder, options, words):
    with pytest.raises(InputError, match=words) as error:
        Model(recipe(encoder=encoder, encoder_options=options), 5, 3)
    assert "\n" not in str(error.value)


def test_networks_that_are_built_for_one_image_size_get_it():
    """Asked of timm's class; a name says nothing: `davit` and `efficientvit` hold `vit`, `deit` does not."""
    wanted = {
        "vit_tiny_patch16_224": True,
        "deit_tiny_patch16_224": True,
        "deit3_small_patch16_224": True,
        "beit_base_patch16_224": True,
        "swin_tiny_patch4_window7_224": True,
        "efficientvit_m0": True,
        "davit_tiny": False,
        "efficientvit_b0": False,
        "levit_128s": True,
        "resnet18": False,
        "channelwise": False,
    }
    state = torch.get_rng_state()
    assert {name: takes_image_size(name) for name in wanted} == wanted
    assert torch.equal(state, torch.get_rng_state()), "weights are drawn from the same generator"
    assert encoder_arguments("vit_tiny_patch16_224", {"depth": 2}, 48) == {"img_size": 48, "depth": 2}
    assert encoder_arguments("vit_tiny_patch16_224", {"img_size": 64}, 48) == {"img_size": 64}
