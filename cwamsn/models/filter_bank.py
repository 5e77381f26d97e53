"""A small convolutional encoder for textures: learned filters, of whose responses it takes mean and spread.

A vision transformer of the same cost has to learn that a texture is the same wherever it lies, and that its strength is
a spread and not a mean. Here both are built in: filters slide over the image, and their responses are pooled to the
mean and the standard deviation over all positions, as statistics of filter responses describe textures (Portilla and
Simoncelli 2000; Andrearczyk and Whelan 2016, arXiv:1601.02919, pool the energy of convolutional layers). So is where
training begins: at edges and blobs of many sizes, the filters by which textures were told apart before they were
learned (Leung and Malik 2001), and not at noise, most of which answers to nothing that images hold.
"""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cwamsn.models.base import Encoder

FILTER_BANK = "filter-bank"  # the encoder's name in place of a timm model's
_LEAST_SPREAD = 0.05  # of a channel, in standard deviations of the screen: an empty one is not blown up to noise
_LEAST_VARIANCE = 1e-4  # of a response: the root's slope at 0 is infinite
_LEAST_SCALE = 0.6  # standard deviation of the smallest filter, pixels: smaller ones see single pixels
_BLOBS = 0.4  # share of filters without a direction


class FilterBank(Encoder):
    """Images (B, C, H, W) of any size to features: (B, 2 · sum(widths)), or fewer.

    Parameters
    ----------
    in_channels : channels of the images.
    widths : filters per scale, the first at the images' own resolution, each further one at half of that before.
    kernel : side of the filters, pixels of their scale.
    stride : pixels of its scale from one position of a filter to the next.
    standardise : whether each channel of each image is brought to mean 0 and spread 1 first, so that gain and
        background of a stain, which differ between plates, reach no filter.
    blank : side of the squares that a mask blanks out, pixels: what leaving patches out is for a transformer.
    features : a last layer brings the pooled responses to so many features; None: they are the features.
    start : what the filters are before training: `bands`, see :func:`band_pass`, or `noise`, as convolutional layers
        usually start.

    Attributes
    ----------
    options : all arguments but the channels, with which it is built again whatever the defaults are by then.

    Raises
    ------
    ValueError
        No scale, a size below 1, or another start.
    """

    def __init__(
        self,
        in_channels: int,
        *,
        widths: Sequence[int] = (32, 16, 8),
        kernel: int = 7,
        stride: int = 2,
        standardise: bool = True,
        blank: int = 8,
        features: int | None = None,
        start: str = "bands",
    ):
        super().__init__()
        least = 1 if features is None else features
        if not widths or min(*widths, kernel, stride, blank, least) < 1:
            raise ValueError("widths, kernel, stride, blank and features must be at least 1")
        if start not in ("bands", "noise"):
            raise ValueError("start must be bands or noise")
        self.in_channels, self.standardise = in_channels, standardise
        self.options = {"widths": list(widths), "kernel": kernel, "stride": stride, "standardise": standardise}
        self.options |= {"blank": blank, "features": features, "start": start}
        self.patch_size = (blank, blank)
        pooled = 2 * sum(widths)
        self.num_features = features or pooled
        self.narrow = nn.Linear(pooled, features) if features else nn.Identity()
        self.norm = nn.LayerNorm(pooled, elementwise_affine=False) if features else nn.Identity()
        scales = [nn.Conv2d(in_channels, width, kernel, stride, padding=kernel // 2) for width in widths]
        for filters in scales if start == "bands" else []:
            filters.weight = nn.Parameter(band_pass(filters.out_channels, in_channels, kernel))
            filters.bias = nn.Parameter(torch.zeros(filters.out_channels))
        self.scales = nn.ModuleList(scales)
        self.to(memory_format=torch.channels_last)  # pooling reads all filters of a position together

    def forward(self, images: Tensor, keep: Tensor | None = None, final_norm: bool | None = None) -> Tensor:
        """Features of images; `keep` (n,) or (B, n) are the squares that are not blanked out, row by row."""
        if self.standardise:
            images = standardised(images)
        if keep is not None:
            images = images * self._kept(keep, images)
        images = images.contiguous(memory_format=torch.channels_last)
        found = []
        for number, filters in enumerate(self.scales):
            images = F.avg_pool2d(images, 2) if number else images
            found.append(mean_and_spread(F.gelu(filters(images))))
        return self.narrow(self.norm(torch.cat(found, dim=1)))

    def _kept(self, keep: Tensor, images: Tensor) -> Tensor:
        """(1 or B, 1, H, W): 1 where a square is kept, else 0, the mean."""
        rows, columns = (side // size for side, size in zip(images.shape[-2:], self.patch_size))
        keep = keep.unsqueeze(0) if keep.ndim == 1 else keep
        seen = images.new_zeros(len(keep), rows * columns).scatter_(1, keep, 1.0)
        return F.interpolate(seen.view(-1, 1, rows, columns), size=images.shape[-2:], mode="nearest")


def band_pass(filters: int, channels: int, side: int) -> Tensor:
    """Filters (filters, channels, side, side) that answer to one size of structure each, drawn from torch's generator.

    Blobs, differences of two Gaussians, and edges and lines, Gabor's filters, of scales between .6 pixels and what fits
    the side, evenly in their logarithm; of one channel or of two with random weights. Each has mean 0 and norm 1, but
    for those of one pixel, which are 1.
    """
    drawn, angle, phase = torch.rand(filters), math.pi * torch.rand(filters), 2 * math.pi * torch.rand(filters)
    line = torch.arange(side) - (side - 1) / 2
    y, x = torch.meshgrid(line, line, indexing="ij")
    scale, angle, phase = (
        values.view(-1, 1, 1) for values in (_LEAST_SCALE * max(side / 4.5 / _LEAST_SCALE, 1) ** drawn, angle, phase)
    )
    envelope = _gaussian(x, y, scale)
    wave = torch.cos(2 * math.pi / (4 * scale) * (x * angle.cos() + y * angle.sin()) + phase)
    blob = torch.rand(filters).view(-1, 1, 1) < _BLOBS
    shape = torch.where(blob, _weighed(envelope) - _weighed(_gaussian(x, y, 1.6 * scale)), envelope * wave)
    shape = shape - shape.mean((1, 2), keepdim=True) if side > 1 else torch.ones_like(shape)
    shape = shape / shape.norm(dim=(1, 2), keepdim=True)
    rank = torch.rand(filters, channels).argsort(dim=1).argsort(dim=1)
    chosen = rank < torch.randint(1, 3, (filters, 1))  # one channel or two
    weights = F.normalize(torch.randn(filters, channels) * chosen, dim=1)
    return weights[:, :, None, None] * shape[:, None]


def _gaussian(x: Tensor, y: Tensor, scale: Tensor) -> Tensor:
    return torch.exp(-(x * x + y * y) / (2 * scale * scale))


def _weighed(kernels: Tensor) -> Tensor:
    return kernels / kernels.sum((1, 2), keepdim=True)


def standardised(images: Tensor) -> Tensor:
    """Each channel of each image (B, C, H, W) less its mean, over its standard deviation plus .05."""
    exact = images.float()
    centred = exact - exact.mean((2, 3), keepdim=True)
    spread = (centred * centred).mean((2, 3), keepdim=True).sqrt()  # torch.std_mean takes nine times as long
    return (centred / (spread + _LEAST_SPREAD)).to(images.dtype)


def mean_and_spread(responses: Tensor) -> Tensor:
    """(B, 2 C): mean and standard deviation over all positions of responses (B, C, h, w).

    Of the mean of squares, a twelfth of the time of torch.var_mean on a CPU. What float32 loses by it, about 1e-7 of
    the squared mean, is far below the least variance for images in standard deviations of their screen.
    """
    exact = responses.float().permute(0, 2, 3, 1).flatten(1, 2)
    mean = exact.mean(1)
    variance = ((exact * exact).mean(1) - mean * mean).clamp_min(0)
    return torch.cat([mean, (variance + _LEAST_VARIANCE).sqrt()], dim=1).to(responses.dtype)
