"""Patches and their positions as products: what a vision transformer computes before its blocks, on a GPU.

A patch embedding by convolution embeds the masked patches too, and then selects: the gradient of a selection, like that
of a bicubic resize, is summed on a GPU by atomic additions, slowly and in changing order. Here both are products with
fixed matrices, whose gradients are products again, and masked patches are left out before anything is computed.
"""

import functools

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def embed_patches(convolution: nn.Conv2d, images: Tensor, keep: Tensor | None) -> Tensor:
    """Embedded patches (B, n, D): what `convolution`, flattened to a sequence, gives in the places `keep`.

    images : (B, C, H, W), H and W multiples of the kernel's sides, which are the strides too.
    keep : as of :func:`patch_pixels`.
    """
    pixels = patch_pixels(images, convolution.weight.shape[-2:], keep)
    return F.linear(pixels, convolution.weight.flatten(1), convolution.bias)


def patch_pixels(images: Tensor, patch: tuple[int, ...], keep: Tensor | None) -> Tensor:
    """Pixels (B, n, C·h·w) of the patches, each in the order of a convolution's weights; one copy, of these alone.

    patch : height and width of a patch.
    keep : which patches, (n,) for the whole batch or (B, n), one row per sample; None for all.
    """
    height, width = patch
    columns = images.shape[3] // width
    x = images.unflatten(3, (columns, width)).unflatten(2, (-1, height))  # B C rows h columns w
    x = x.permute(0, 2, 4, 1, 3, 5)
    if keep is None:
        return x.flatten(1, 2).flatten(2)
    row, column = keep // columns, keep % columns
    if keep.ndim == 1:
        return x[:, row, column].flatten(2)
    return x[torch.arange(len(x), device=x.device)[:, None], row, column].flatten(2)


def resize_grid(grid: Tensor, rows: int, columns: int) -> Tensor:
    """(rows, columns, D) of a grid (R, C, D): bicubic as of `F.interpolate` with `align_corners=False`.

    The products are float64, which neither autocast nor TF32 shortens; a grid has some hundred places.
    """
    down = _bicubic_weights(grid.shape[0], rows, grid.device)
    across = _bicubic_weights(grid.shape[1], columns, grid.device)
    half = (down @ grid.double().flatten(1)).unflatten(1, grid.shape[1:])
    return (across @ half).to(grid.dtype)


def select_rows(table: Tensor, keep: Tensor) -> Tensor:
    """(..., n, D) rows of a table (N, D), named by `keep` (..., n), as a product with ones and zeros."""
    chosen = keep.unsqueeze(-1) == torch.arange(len(table), device=keep.device)
    return (chosen.double() @ table.double()).to(table.dtype)


@functools.lru_cache(maxsize=64)
def _bicubic_weights(old: int, new: int, device: torch.device) -> Tensor:
    """(new, old) float64: what each old place of a line gives to each new one. Kept on the device."""
    with torch.inference_mode(False), torch.no_grad():
        lines = torch.eye(old, dtype=torch.float64)[None, :, :, None]
        return F.interpolate(lines, (new, 1), mode="bicubic", align_corners=False)[0, :, :, 0].T.to(device)
