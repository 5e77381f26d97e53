"""Turns and normalisation of views."""

import torch

from cwamsn.loading.pixels import normalise, quarter_turns


def test_views_are_turned_by_their_quarters():
    images = torch.arange(4 * 9).view(4, 1, 3, 3)
    turned = quarter_turns(images, torch.tensor([0, 3, 1, 2]))
    want = [image.rot90(number, (-2, -1)) for image, number in zip(images, (0, 3, 1, 2))]
    assert torch.equal(turned, torch.stack(want))
    assert quarter_turns(images, torch.zeros(4, dtype=torch.long)) is images


def test_normalised_views_are_contiguous():
    images = torch.rand(2, 4, 4, 3).permute(0, 3, 1, 2) * 255
    mean, std = torch.tensor([50.0, 60, 70]), torch.tensor([5.0, 6, 7])
    got = normalise(images, mean, std)
    assert got.is_contiguous()
    torch.testing.assert_close(got, (images - mean.view(3, 1, 1)) / std.view(3, 1, 1), rtol=1e-5, atol=1e-5)
