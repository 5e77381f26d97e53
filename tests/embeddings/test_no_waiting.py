"""Embedding never waits for its device but to take features: batches on a GPU that only records what is asked of it."""

from contextlib import nullcontext

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from cwamsn.embeddings import EmbedOptions, images
from cwamsn.embeddings.channels import for_screen, match_channels
from cwamsn.embeddings.views import InputViews, view_boxes
from cwamsn.loading import Loaded
from cwamsn.models import build_encoder, set_attention
from tests.training.test_no_waiting import GPU, Watch, gpu_machine, on_gpu

SHAPE, CHANNELS = (72, 80), 5
VIT = {"embed_dim": 24, "depth": 2, "num_heads": 2, "patch_size": 8, "img_size": 32}


@pytest.mark.parametrize("view", ["resize", "resize_center", "tiles", "center", "random_crops"])
@pytest.mark.parametrize("precision", ["float32", "tf32", "bfloat16", "float16"])
def test_a_batch_waits_for_nothing(view, precision):
    embedded(build_encoder("vit_tiny_patch16_224", CHANNELS, **VIT), precision, view)


def test_neither_does_one_through_another_network():
    embedded(build_encoder("resnet10t", CHANNELS), "bfloat16", "resize")


def embedded(encoder, precision, view):
    """Embed a batch twice; the first makes what is kept."""
    options = EmbedOptions(view=view, tile_size=24, n_crops=3)
    boxes = view_boxes(SHAPE, ["a", "b", "c"], 32, options)
    encoder = for_screen(encoder, match_channels(list("abcde"), list("bacde"))).eval()
    set_attention(encoder, "fused")
    with gpu_machine(), FakeTensorMode(), torch.no_grad():
        for module in encoder.modules():
            for tensors in (module._parameters, module._buffers):
                tensors.update({name: on_gpu(tensor) for name, tensor in tensors.items() if tensor is not None})
        views = InputViews([1.0] * CHANNELS, [1.0] * CHANNELS, 32, GPU)
        batch = Loaded(torch.empty(3, CHANNELS, *SHAPE, dtype=torch.uint8, device=GPU), {"boxes": on_gpu(boxes)}, 7)
        for watch in (nullcontext(), Watch()):
            with watch:
                network = images._network(encoder, precision, GPU, graph=False)
                number, features = images._encode(network, views, 8, batch)
    assert number == 7 and features.shape == (3, encoder.encoder.num_features)
    assert features.device == GPU and features.dtype == torch.float64
