"""The formula of table 7 against torch's own counter and against the figures worked out for the paper's encoder."""

import pytest
import timm
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode

from cwamsn.reporting.flops import Views, ViT, anchor_forward, head_forward, training_step, vit_forward

G = 1e9


def counted(module, *shape):
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        module(torch.empty(*shape))
    return counter.get_total_flops()


def build(**options):
    with torch.device("meta"):
        return timm.create_model("vit_small_patch16_224", num_classes=0, **options)


def test_the_papers_encoder():
    vit, views = ViT(), Views()
    assert vit_forward(vit, 224) / G == pytest.approx(9.274, abs=5e-4)
    assert vit_forward(vit, 224, attention=False) / G == pytest.approx(8.559, abs=5e-4)
    assert vit_forward(ViT(channels=3), 224) / G == pytest.approx(9.197, abs=5e-4)
    assert vit_forward(vit, 224, 0.15) / G == pytest.approx(7.799, abs=5e-4)
    assert vit_forward(vit, 96) / G == pytest.approx(1.632, abs=5e-4)
    assert anchor_forward(vit, views) / G == pytest.approx(24.118, abs=5e-4)
    assert anchor_forward(vit, views, attention=False) / G == pytest.approx(23.352, abs=5e-4)
    assert anchor_forward(vit, Views(mask_ratio=0)) / G == pytest.approx(25.593, abs=5e-4)
    assert training_step(vit, views) / G == pytest.approx(82.0, abs=0.05)
    assert training_step(vit, views, attention=False) / G == pytest.approx(79.0, abs=0.05)


@settings(max_examples=8, deadline=None)
@given(
    st.sampled_from([48, 96, 192]), st.integers(1, 4), st.integers(1, 6), st.sampled_from([8, 16]), st.integers(2, 6)
)
def test_formula_equals_torchs_counter(dim, depth, channels, patch, grid):
    size = grid * patch
    model = build(embed_dim=dim, depth=depth, num_heads=3, in_chans=channels, patch_size=patch, img_size=size)
    own = vit_forward(ViT(dim, depth, 4.0, patch, channels), size)
    assert own == counted(model, 1, channels, size, size)


def test_head_formula_equals_torchs_counter():
    with torch.device("meta"):
        head = torch.nn.Sequential(torch.nn.Linear(384, 2048), torch.nn.Linear(2048, 2048), torch.nn.Linear(2048, 256))
    assert head_forward(384, 2048, 256) == counted(head, 1, 384)


def test_printed_gflops_follow_no_single_convention():
    """CWA-MSN and ViT-WSL lie between the counts with and without attention, OpenPhenom below the one with it."""
    vit = ViT()
    assert vit_forward(vit, 224, attention=False) / G < 8.79 < vit_forward(vit, 224) / G
    assert anchor_forward(vit, Views(), attention=False) / G < 23.66 < anchor_forward(vit, Views()) / G
    tokens = 6 * (256 // 16) ** 2
    openphenom = 2 * (tokens * 256 * 384 + 12 * ((tokens + 1) * 12 * 384**2 + 2 * (tokens + 1) ** 2 * 384))
    assert openphenom / G == pytest.approx(109.12, abs=0.01)
    assert 0.04 < openphenom / G / 104.68 - 1 < 0.05
    dinov2_giant = 299.4  # multiply-adds of one image at 224 pixels
    assert dinov2_giant < 339.17 < 2 * dinov2_giant, "printed in multiply-adds, the other rows in operations"
