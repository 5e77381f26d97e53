"""Resampling by sparse sums against torchvision."""

import pytest
import torch
from torchvision.transforms.v2 import functional as tv

from cwamsn.loading import resized_crop
from cwamsn.training import random_boxes


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("antialias", [True, False])
@pytest.mark.parametrize("size", [24, 96, (20, 56)])
@pytest.mark.parametrize("scale", [(0.3, 1.0), (0.05, 0.3)])
def test_crop_and_resize_is_torchvision_s(antialias, size, scale):
    images = torch.randint(0, 256, (3, 5, 70, 91), dtype=torch.uint8, generator=generator())
    boxes = random_boxes(12, 70, 91, scale, generator(1))
    got = resized_crop(images, boxes, size, antialias)
    out = [size, size] if isinstance(size, int) else list(size)
    want = torch.stack(
        [
            tv.resized_crop(images[i % 3].double(), *box.tolist(), out, antialias=antialias)
            for i, box in enumerate(boxes)
        ]
    )
    assert got.dtype == torch.float32 and got.shape == want.shape
    torch.testing.assert_close(got.double(), want, rtol=0, atol=2e-4)  # of 255 levels


def test_the_whole_image_at_its_own_size_is_itself():
    images = torch.randint(0, 256, (2, 3, 30, 40), dtype=torch.uint8, generator=generator())
    whole = torch.tensor([[0, 0, 30, 40]] * 2)
    assert torch.equal(resized_crop(images, whole, (30, 40)), images.float())


@pytest.mark.parametrize("size", [24, (20, 56)])
def test_mirrored_views_are_flipped_views(size):
    images = torch.randint(0, 256, (2, 3, 50, 70), dtype=torch.uint8, generator=generator())
    boxes = random_boxes(4, 50, 70, (0.3, 1.0), generator(1))
    plain = resized_crop(images, boxes, size)
    mirrored = resized_crop(images, boxes, size, mirror=torch.tensor([[1, 0], [0, 1], [1, 1], [0, 0]]))
    want = torch.stack([plain[0].flip(-1), plain[1].flip(-2), plain[2].flip(-1, -2), plain[3]])
    torch.testing.assert_close(mirrored, want, rtol=0, atol=2e-4)
