"""The products that a GPU takes in place of convolution, selection and bicubic resize, held to these on the CPU."""

import copy

import pytest
import torch
import torch.nn.functional as F

from cwamsn.models import build_encoder
from cwamsn.models.patches import embed_patches, resize_grid, select_rows

OPTIONS = {"embed_dim": 24, "depth": 2, "num_heads": 2, "patch_size": 8, "img_size": 32}


def interpolated(grid, rows, columns):
    return F.interpolate(grid.permute(2, 0, 1)[None], (rows, columns), mode="bicubic", align_corners=False)[0].permute(
        1, 2, 0
    )


@pytest.mark.parametrize("old,new", [((14, 14), (6, 6)), ((14, 14), (31, 5)), ((4, 3), (1, 9)), ((2, 2), (2, 2))])
def test_a_grid_is_resized_as_interpolate_does_with_its_gradient(old, new):
    torch.manual_seed(0)
    first = (0.02 * torch.randn(*old, 16)).requires_grad_()  # as positions are drawn
    second = first.detach().clone().requires_grad_()
    wanted, got = interpolated(first, *new), resize_grid(second, *new)
    torch.testing.assert_close(got, wanted, rtol=0, atol=1e-6)
    weight = torch.randn_like(wanted)
    (wanted * weight).sum().backward()
    (got * weight).sum().backward()
    torch.testing.assert_close(second.grad, first.grad, rtol=0, atol=1e-5)


def test_resized_in_float64_a_grid_is_exact():
    grid = torch.randn(14, 14, 8, dtype=torch.float64)
    torch.testing.assert_close(resize_grid(grid, 6, 9), interpolated(grid, 6, 9), rtol=0, atol=1e-13)


@pytest.mark.parametrize("shape", [(7,), (3, 7)])
def test_rows_are_selected_exactly_even_under_autocast(shape):
    table = torch.randn(20, 6, requires_grad=True)
    keep = torch.stack([torch.randperm(20)[: shape[-1]] for _ in range(shape[0])]) if len(shape) == 2 else None
    keep = torch.randperm(20)[: shape[0]] if keep is None else keep
    with torch.autocast("cpu", torch.bfloat16):
        chosen = select_rows(table, keep)
    assert torch.equal(chosen, table[keep])
    chosen.sum().backward()
    assert torch.equal(table.grad[:, 0], torch.bincount(keep.flatten(), minlength=20).float())


@pytest.mark.parametrize("keep", [None, torch.tensor([5, 0, 7]), torch.tensor([[1, 2], [6, 3]])])
def test_patches_are_embedded_as_the_convolution_does(keep):
    convolution = torch.nn.Conv2d(3, 10, (4, 6), (4, 6)).double()
    images = torch.randn(2, 3, 8, 24, dtype=torch.float64)
    wanted = convolution(images).flatten(2).transpose(1, 2)
    if keep is not None:
        wanted = wanted[:, keep] if keep.ndim == 1 else torch.stack([x[k] for x, k in zip(wanted, keep)])
    torch.testing.assert_close(embed_patches(convolution, images, keep), wanted, rtol=0, atol=1e-13)


def masks(pattern):
    if pattern == "per sample":
        return torch.stack([torch.randperm(16)[:11] for _ in range(3)])
    return torch.randperm(16)[:11] if pattern == "per batch" else None


@pytest.mark.parametrize("dtype,tolerance", [(torch.float64, 1e-12), (torch.float32, 2e-5)])
@pytest.mark.parametrize("pattern,size", [("none", 32), ("none", 48), ("per batch", 32), ("per sample", 32)])
def test_an_encoder_by_products_has_the_values_and_gradients_of_the_other(pattern, size, dtype, tolerance):
    torch.manual_seed(1)
    one = build_encoder("vit_tiny_patch16_224", 5, **OPTIONS).to(dtype)
    other = copy.deepcopy(one)
    other.products = True
    images, keep = torch.randn(3, 5, size, size, dtype=dtype), masks(pattern)
    results = [encoder.tokens(images, keep) for encoder in (one, other)]
    torch.testing.assert_close(*results, rtol=0, atol=tolerance)
    weight = torch.randn_like(results[0])
    for result in results:
        (result * weight).sum().backward()
    for (name, a), b in zip(one.named_parameters(), other.parameters()):
        torch.testing.assert_close(b.grad, a.grad, rtol=20 * tolerance, atol=20 * tolerance, msg=name)


def test_masked_patches_are_never_copied():
    images = torch.randn(2, 5, 32, 32)
    images[:, :, :8] = torch.nan  # the first row of patches
    encoder = build_encoder("vit_tiny_patch16_224", 5, **OPTIONS)
    encoder.products = True
    assert encoder(images, torch.arange(4, 16)).isfinite().all()
