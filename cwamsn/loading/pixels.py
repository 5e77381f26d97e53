"""What views get after they are resampled: quarter turns, and values that are normalised."""

import torch
from torch import Tensor


def quarter_turns(images: Tensor, quarters: Tensor) -> Tensor:
    """Rotate each of the square images (N, C, S, S) by `quarters` (N,) times 90 degrees.

    Where they are on a GPU, nothing depends on the values of `quarters`: the host does not wait for them.
    """
    if images.device.type == "cpu" and not quarters.any():
        return images
    quarters = quarters.to(images.device)[:, None, None, None]
    for number in (1, 2, 3):
        images = torch.where(quarters == number, images.rot90(number, (-2, -1)), images)
    return images


def normalise(images: Tensor, mean: Tensor, std: Tensor, out: Tensor | None = None) -> Tensor:
    """(images - mean) / std per channel, contiguous; images (N, C, H, W), both statistics (C,) in 0-255 units."""
    out = torch.empty(images.shape, device=images.device) if out is None else out
    return torch.addcmul((-mean / std)[:, None, None], images, (1 / std)[:, None, None], out=out)
