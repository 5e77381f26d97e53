"""Encoders for any number of channels: what they compute, beside versions that look at one image after the other."""

import pytest
import torch

from cwamsn.encoder_files import ANY_CHANNELS
from cwamsn.errors import InputError
from cwamsn.models import AGNOSTIC, BagOfChannels, ChannelTokens, build_encoder, encoder_arguments, set_attention
from cwamsn.models.compiled import _repeated

OPTIONS = {"backbone": "vit_tiny_patch16_224", "embed_dim": 24, "depth": 2, "num_heads": 2, "patch_size": 8}
OPTIONS |= {"img_size": 32}
NAMES = ["bag-of-channels", "channel-tokens"]
SHOWN = torch.tensor([[1, 0, 1, 1], [0, 0, 0, 1], [1, 1, 1, 1]], dtype=torch.bool)


def build(name, channels=4, attention="eager", **changes):
    torch.manual_seed(0)
    encoder = build_encoder(name, channels, attention=attention, **OPTIONS | changes).double()
    for p in encoder.parameters():  # biases and norms too
        p.data += 0.1 * torch.randn_like(p)
    return encoder.eval()


def images(count=3, channels=4, side=32):
    return torch.randn(count, channels, side, side, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def masks():
    """No mask, one for the batch, one per sample."""
    generator = torch.Generator().manual_seed(2)
    one = torch.randperm(16, generator=generator)[:11]
    return [None, one, torch.stack([torch.randperm(16, generator=generator)[:11] for _ in range(3)])]


def subset(encoder, image, shown, keep):
    """Class token and patches of one image (C, H, W), of which the encoder is given the shown channels alone."""
    places = shown.nonzero()[:, 0].tolist()
    return encoder.for_channels(places).tokens(image[None, places], keep)[0]


@pytest.mark.parametrize("attention", ["eager", "fused"])
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("keep", masks(), ids=["all patches", "one mask", "mask per sample"])
def test_a_channel_that_is_not_shown_might_as_well_be_absent(name, attention, keep):
    encoder, seen = build(name, attention=attention), images()
    kept = [keep if keep is None or keep.ndim == 1 else keep[i] for i in range(3)]
    wanted = torch.stack([subset(encoder, *each) for each in zip(seen, SHOWN, kept)])
    torch.testing.assert_close(encoder.tokens(seen, keep, channels=SHOWN), wanted)
    torch.testing.assert_close(encoder(seen, keep, channels=SHOWN), wanted[:, 0])
    torch.testing.assert_close(encoder(seen, keep, channels=torch.ones_like(SHOWN)), encoder(seen, keep))
    changed = torch.where(SHOWN[:, :, None, None], seen, 1000.0)
    torch.testing.assert_close(encoder(changed, keep, channels=SHOWN), wanted[:, 0])


@pytest.mark.parametrize("keep", masks()[:2], ids=["all patches", "one mask"])
def test_a_bag_of_channels_is_the_mean_of_what_one_transformer_sees_in_each(keep):
    encoder, seen = build("bag-of-channels"), images()
    wanted = torch.stack([encoder.single(seen[:, [i]], keep) for i in range(4)]).mean(dim=0)
    torch.testing.assert_close(encoder(seen, keep), wanted)
    torch.testing.assert_close(encoder(seen[:, [2, 0, 3, 1]], keep), wanted)


def test_channel_tokens_are_one_sequence_of_the_patches_of_all_channels():
    """Written out with the modules of timm's transformer, for one image."""
    encoder, seen = build("channel-tokens"), images(1)
    vit, sequence = encoder.single.vit, []
    for i in range(4):
        sequence.append(vit.patch_embed(seen[:, [i]]) + vit.pos_embed[:, 1:] + encoder.channel_embed[i])
    tokens = torch.cat([vit.cls_token + vit.pos_embed[:, :1], *sequence], dim=1)
    for block in vit.blocks:
        tokens = block(tokens)
    tokens = vit.norm(tokens)
    torch.testing.assert_close(encoder(seen), tokens[:, 0])
    patches = tokens[:, 1:].unflatten(1, (4, 16)).mean(dim=1)
    torch.testing.assert_close(encoder.tokens(seen), torch.cat([tokens[:, :1], patches], dim=1))


@pytest.mark.parametrize("name", NAMES)
def test_any_number_of_channels_gives_features_of_one_dimension(name):
    encoder = build(name)
    for count in range(1, 9):
        own = encoder.for_channels([i if i < 4 else None for i in range(count)])
        assert own(images(2, count)).shape == (2, 24) and own.in_channels == count
    assert encoder.in_channels == 4, "a copy"


def test_a_channel_finds_its_vector_in_any_place_and_a_new_one_gets_their_mean():
    encoder, seen = build("channel-tokens"), images()
    order = [2, 0, 3, 1]
    torch.testing.assert_close(encoder.for_channels(order)(seen[:, order]), encoder(seen))
    rows = encoder.for_channels([1, None]).channel_embed
    torch.testing.assert_close(rows, torch.stack([encoder.channel_embed[1], encoder.channel_embed.mean(dim=0)]))
    assert not torch.allclose(encoder.for_channels([0, 1, 2, None])(seen), encoder(seen))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("keep", masks(), ids=["all patches", "one mask", "mask per sample"])
def test_patches_by_products_as_on_a_gpu_are_the_same(name, keep):
    encoder, seen = build(name), images(side=48 if keep is None else 32)
    wanted = encoder(seen, keep, channels=SHOWN)
    encoder.single.products = True
    torch.testing.assert_close(encoder(seen, keep, channels=SHOWN), wanted)


@pytest.mark.parametrize("attention", ["eager", "fused"])
@pytest.mark.parametrize("name", NAMES)
def test_half_precision_is_near_to_float32(name, attention):
    encoder, seen = build(name).float(), images().float()
    wanted = encoder(seen, channels=SHOWN)
    set_attention(encoder, attention)
    with torch.autocast("cpu", torch.bfloat16):
        found = encoder(seen, channels=SHOWN)
    assert (found - wanted).norm() < 0.03 * wanted.norm() and found.isfinite().all()


@pytest.mark.parametrize("name", NAMES)
def test_the_blocks_of_the_shared_transformer_are_what_is_compiled(name):
    encoder = build(name)
    assert _repeated(encoder) == list(encoder.single.vit.blocks)


def test_their_names_are_known_without_torch():
    assert tuple(AGNOSTIC) == ANY_CHANNELS


def test_options_are_those_of_the_backbone():
    options = encoder_arguments("channel-tokens", {"depth": 2}, 96)
    assert options == {"img_size": 96, "depth": 2}
    assert encoder_arguments("bag-of-channels", {"backbone": "resnet10t"}, 96) == {"backbone": "resnet10t"}
    kinds = [type(build(name)) for name in NAMES]
    assert kinds == [BagOfChannels, ChannelTokens]


@pytest.mark.parametrize(
    "name, options, message",
    [
        ("bag-of-channel", {}, r"training\.encoder: timm has no model 'bag-of-channel'; nearest: bag-of-channels"),
        ("channel-tokens", {"backbone": "resnet10t"}, r"encoder_options\.backbone: resnet10t is no vision transformer"),
        ("channel-tokens", {"backbone": "vit_tiny"}, r"encoder_options\.backbone: timm has no model 'vit_tiny'; near"),
        ("bag-of-channels", {"backbone": "vit_base_patch14_reg4_dinov2"}, r"backbone: vit_base.* is not a plain ViT"),
        ("bag-of-channels", {"widht": 3}, r"encoder_options: vit_small_patch16_224 does not take .*widht"),
    ],
)
def test_what_cannot_work_is_refused(name, options, message):
    with pytest.raises(InputError, match=message) as error:
        build_encoder(name, 3, **options)
    assert "\n" not in str(error.value)
