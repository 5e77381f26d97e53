"""Encoders compiled in place, by the compiler of this machine."""

import copy
import shutil

import pytest
import torch

from cwamsn.errors import InputError
from cwamsn.models import ChannelwiseEncoder, build_encoder, compile_encoder, compile_errors
from cwamsn.models.compiled import _repeated

OPTIONS = {"embed_dim": 24, "depth": 3, "num_heads": 2, "patch_size": 8, "img_size": 32}


def no_graph(graph, inputs):
    raise ValueError("first line\nsecond line")


def test_a_failing_backend_gives_one_line():
    encoder = build_encoder("vit_tiny_patch16_224", 5, **OPTIONS)
    encoder.vit.blocks[0].compile(backend=no_graph)
    words = r"^training.compile: torch.compile fails \(.*first line.*\); set compile: false$"
    with pytest.raises(InputError, match=words) as raised, compile_errors():
        encoder(torch.randn(1, 5, 32, 32))
    assert "\n" not in str(raised.value)


def test_other_errors_pass():
    with pytest.raises(ValueError, match=r"not of torch\.compile"), compile_errors():
        raise ValueError("not of torch.compile")


def test_what_is_repeated_is_compiled_and_keeps_its_names():
    vit, pooled = build_encoder("vit_tiny_patch16_224", 5, **OPTIONS), build_encoder("resnet10t", 5)
    channelwise = build_encoder("channelwise", 5, out_features=8, depth=1, width=16, heads=2)
    assert isinstance(channelwise, ChannelwiseEncoder)
    assert _repeated(vit) == list(vit.vit.blocks) and _repeated(pooled) == [pooled.model]
    assert _repeated(channelwise) == [channelwise.frozen, channelwise.former]
    bank = build_encoder("filter-bank", 5, widths=[4, 6])
    assert _repeated(bank) == [bank]
    for encoder in (vit, pooled, channelwise, bank):
        names = list(encoder.state_dict())
        compile_encoder(encoder)
        assert list(encoder.state_dict()) == names


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("g++"), reason="torch.compile needs a C++ compiler; none was found")
def test_all_blocks_of_two_networks_share_the_code_of_one():
    import torch._dynamo.utils

    torch._dynamo.reset()
    torch.manual_seed(0)
    eager = build_encoder("vit_tiny_patch16_224", 5, **OPTIONS)
    anchor, target = copy.deepcopy(eager), copy.deepcopy(eager).requires_grad_(False)
    for encoder in (anchor, target):
        compile_encoder(encoder)
    large, small, keep = torch.randn(2, 5, 32, 32), torch.randn(6, 5, 16, 16), torch.randperm(16)[:9]
    torch._dynamo.utils.counters.clear()
    with compile_errors(), torch.no_grad():
        torch.testing.assert_close(target(large), eager(large), rtol=0, atol=1e-5)
    for encoder in (eager, anchor):
        (encoder(large, keep).square().mean() + encoder.tokens(small).mean()).backward()
    for (name, a), b in zip(eager.named_parameters(), anchor.parameters()):
        torch.testing.assert_close(b.grad, a.grad, rtol=1e-3, atol=1e-5, msg=name)
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == 3  # one for each number of tokens
