"""Where the nuclei of an image are, found on whatever device the image is on, for networks that look at single cells.

Every shape follows from that of the images and the host waits for nothing, so that a GPU can record it.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

LEVELS = 256
_STEP = 1e-6  # smaller differences are rounding


class Nuclei(NamedTuple):
    """Nuclei of B images, the brightest first, `most` places for each."""

    rows: Tensor
    """(B, most) int64, pixels."""
    columns: Tensor
    """(B, most) int64, pixels."""
    found: Tensor
    """(B, most) bool: whether a place holds a nucleus."""


def find_nuclei(dna: Tensor, diameter: float, most: int) -> Nuclei:
    """Maxima of a DNA stain (B, H, W) that is smoothed to the size of a nucleus.

    The image is smoothed by a Gaussian of a sixth of `diameter` pixels. A nucleus is a pixel above Otsu's threshold
    that is the largest within a third of `diameter` in each direction. Of an image without any, the brightest pixel is
    taken, so that every image has one.
    """
    height, width = dna.shape[-2:]
    with torch.autocast(dna.device.type, enabled=False):  # in half precision every nucleus would be a plateau
        smooth = (_smoothed(dna[:, None].float(), diameter / 6).double() / _STEP).round() * _STEP
    ramp = torch.linspace(0, _STEP / 2, height * width, device=dna.device, dtype=torch.float64)
    smooth = smooth + ramp.view(height, width)  # one maximum per plateau
    reach = max(1, round(diameter / 3))
    peak = (smooth == F.max_pool2d(smooth, 2 * reach + 1, stride=1, padding=reach)).flatten(1)
    values = smooth.flatten(1)
    peak &= values > otsu(values)[:, None]
    places = (values + peak * (1 + values.amax(dim=1, keepdim=True))).topk(min(most, height * width), dim=1).indices
    found = peak.gather(1, places)
    first = torch.arange(found.shape[1], device=dna.device) == 0
    return Nuclei(places // width, places % width, found | first)


def otsu(values: Tensor) -> Tensor:
    """(B,) thresholds of values (B, N) by Otsu's criterion, on 256 levels between the least and the largest of each."""
    low, high = values.amin(dim=1, keepdim=True), values.amax(dim=1, keepdim=True)
    width = (high - low).clamp_min(1e-12) / LEVELS
    level = ((values - low) / width).long().clamp(0, LEVELS - 1)
    counts = torch.zeros(len(values), LEVELS, device=values.device, dtype=torch.float64)
    counts = counts.scatter_add(1, level, torch.ones_like(values, dtype=torch.float64))
    middles = torch.arange(LEVELS, device=values.device, dtype=torch.float64) + 0.5
    below, mass = counts.cumsum(1), (counts * middles).cumsum(1)
    above, rest = below[:, -1:] - below, mass[:, -1:] - mass
    between = below * above * (mass / below.clamp_min(1) - rest / above.clamp_min(1)).square()
    return (low + width * (between.argmax(dim=1, keepdim=True) + 1).to(values.dtype))[:, 0]


def windows(images: Tensor, nuclei: Nuclei, side: int) -> Tensor:
    """(B, most, C, side, side) of images (B, C, H, W): squares around the nuclei, zero outside of the image."""
    half = side // 2
    padded = F.pad(images, (half, side - half, half, side - half)).permute(0, 2, 3, 1)
    step = torch.arange(side, device=images.device)
    rows, columns = nuclei.rows[..., None] + step, nuclei.columns[..., None] + step
    image = torch.arange(len(images), device=images.device).view(-1, 1, 1, 1)
    return padded[image, rows[..., :, None], columns[..., None, :]].movedim(-1, 2)


def _smoothed(images: Tensor, deviation: float) -> Tensor:
    """Images (B, 1, H, W) after a Gaussian of `deviation` pixels, the edges repeated."""
    reach = max(1, round(3 * deviation))
    x = torch.arange(-reach, reach + 1, device=images.device, dtype=images.dtype)
    kernel = torch.exp(-0.5 * (x / deviation).square())
    kernel = kernel / kernel.sum()
    padded = F.pad(images, (reach, reach, reach, reach), mode="replicate")
    return F.conv2d(F.conv2d(padded, kernel.view(1, 1, -1, 1)), kernel.view(1, 1, 1, -1))
