"""The class token of the last block alone, against the whole block."""

import copy

import pytest
import torch
from timm.models.vision_transformer import Block
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils.flop_counter import FlopCounterMode

from cwamsn.models import build_encoder
from cwamsn.models.class_token import class_token, is_plain

OPTIONS = {"embed_dim": 24, "depth": 2, "num_heads": 2, "patch_size": 8, "img_size": 32}


@pytest.mark.parametrize("changes", [{}, {"qk_norm": True, "qkv_bias": False}, {"init_values": 0.1, "mlp_ratio": 2}])
@pytest.mark.parametrize("attention", ["eager", "fused"])
def test_values_and_gradients_are_those_of_the_whole_block(attention, changes):
    torch.manual_seed(0)
    whole = build_encoder("vit_tiny_patch16_224", 5, attention=attention, **OPTIONS | changes).double()
    for parameter in whole.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    alone = copy.deepcopy(whole)
    assert is_plain(alone.vit.blocks[-1])
    images = torch.randn(3, 5, 32, 32, dtype=torch.float64)
    wanted, got = whole.tokens(images)[:, 0], alone(images)
    torch.testing.assert_close(got, wanted, rtol=0, atol=1e-12)
    weight = torch.randn_like(got)
    (wanted * weight).sum().backward()
    (got * weight).sum().backward()
    for (name, a), b in zip(whole.named_parameters(), alone.named_parameters()):
        torch.testing.assert_close(b[1].grad, a.grad, rtol=1e-9, atol=1e-10, msg=name)


def test_ten_twelfths_of_the_block_are_left_out():
    encoder = build_encoder("vit_small_patch16_224", 5, depth=1, attention="eager")
    block, tokens = encoder.vit.blocks[0], torch.randn(1, 197, 384)
    counts = []
    for call in (block, lambda x: class_token(block, x)):
        with FlopCounterMode(display=False) as counter:
            call(tokens)
        counts.append(counter.get_total_flops())
    assert counts[1] / counts[0] == pytest.approx(2 / 12, abs=0.02)


def test_blocks_of_another_kind_are_computed_whole():
    encoder = build_encoder("vit_tiny_patch16_224", 5, attn_drop_rate=0.1, **OPTIONS)
    assert not is_plain(encoder.vit.blocks[-1])
    assert encoder(torch.randn(2, 5, 32, 32)).shape == (2, 24)


def test_a_gpu_is_given_no_fused_kernel_for_a_single_query(monkeypatch):
    """On a GPU that only records what is asked of it."""
    monkeypatch.setattr(torch.nn.functional, "scaled_dot_product_attention", None)
    with FakeTensorMode(), torch.device("cuda:0"):
        block, tokens = Block(24, 2), torch.empty(3, 17, 24)
        block.attn.fused_attn = True
        assert is_plain(block) and class_token(block, tokens).shape == (3, 1, 24)
        with pytest.raises(TypeError, match="not callable"):
            block(tokens)
