"""Masked reconstruction of one view from another: decoder and loss of CropMAE and SiamMAE."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cwamsn.errors import InputError
from cwamsn.training.arithmetic import full_precision


def patchify(images: Tensor, patch: tuple[int, int]) -> Tensor:
    """Images (B, C, H, W) as patches (B, N, h·w·C) in the order of the encoder's patches, pixel by pixel."""
    rows, columns = images.shape[2] // patch[0], images.shape[3] // patch[1]
    x = images.unflatten(3, (columns, patch[1])).unflatten(2, (rows, patch[0]))  # B C rows h columns w
    return x.permute(0, 2, 4, 3, 5, 1).reshape(len(images), rows * columns, -1)


@full_precision
def masked_pixel_loss(prediction: Tensor, images: Tensor, patch: tuple[int, int], masked: Tensor) -> Tensor:
    """Mean squared error on the masked patches of normalised pixels (He et al. 2022, arXiv:2111.06377, section 3).

    prediction: (B, N, h·w·C). images: (B, C, H, W). masked: (B, N), true where a patch was hidden from the encoder.
    Each patch's pixels are brought to mean 0 and variance 1 (unbiased, plus 1e-6) over all its pixels and channels.
    """
    target = patchify(images, patch)
    variance, mean = torch.var_mean(target, dim=2, keepdim=True)
    each = F.mse_loss(prediction, (target - mean) / (variance + 1e-6).sqrt(), reduction="none").mean(dim=2)
    return (each * masked).sum() / masked.sum()


def grid_positions(rows: int, columns: int, width: int, device: torch.device | None = None) -> Tensor:
    """Fixed sine and cosine codes (rows·columns, width), float64, of the patch grid: half for the row, half for the
    column."""
    frequency = 10000 ** -(torch.arange(width // 4, dtype=torch.float64, device=device) / (width // 4))
    y, x = torch.meshgrid(torch.arange(rows, device=device), torch.arange(columns, device=device), indexing="ij")
    angles = [axis.flatten()[:, None] * frequency for axis in (y, x)]
    return torch.cat([part for angle in angles for part in (angle.sin(), angle.cos())], dim=1)


class DecoderBlock(nn.Module):
    """Pre-norm cross-attention to the other view, self-attention, and a perceptron of four times the width."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.norm_cross, self.norm_self, self.norm_mlp = (nn.LayerNorm(width, eps=1e-6) for _ in range(3))
        self.cross = nn.MultiheadAttention(width, heads, batch_first=True)
        self.itself = nn.MultiheadAttention(width, heads, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: Tensor, other: Tensor) -> Tensor:
        x = x + self.cross(self.norm_cross(x), other, other, need_weights=False)[0]
        y = self.norm_self(x)
        x = x + self.itself(y, y, y, need_weights=False)[0]
        return x + self.mlp(self.norm_mlp(x))


class CrossDecoder(nn.Module):
    """From the visible tokens of one view and all tokens of another to the pixels of the first.

    CropMAE (Eymaël et al. 2024, arXiv:2403.17823): a shared linear map to the decoder's width, a learned token in the
    hidden places, fixed positions, `depth` blocks that attend to the other view first, a linear map to pixels.
    """

    def __init__(self, in_features: int, pixels: int, width: int = 256, depth: int = 4, heads: int = 8):
        super().__init__()
        if min(width, heads) < 1 or width % 4 or width % heads:
            raise InputError(
                f"training.objective_options.decoder_width: {width} must be a multiple of 4 and of the "
                f"decoder_heads, {heads}"
            )
        self.embed = nn.Linear(in_features, width)
        self.mask_token = nn.Parameter(torch.zeros(1, 1, width))
        self.blocks = nn.ModuleList(DecoderBlock(width, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.pixels = nn.Linear(width, pixels)
        nn.init.normal_(self.mask_token, std=0.02)

    def forward(self, visible: Tensor, keep: Tensor, other: Tensor, grid: tuple[int, int]) -> Tensor:
        """Pixels (B, N, pixels) of all patches of the masked view.

        visible: (B, 1 + n, in_features), class token first; keep: (B, n), which patches they are; other: (B, M,
        in_features); grid: rows and columns of patches, N in all.
        """
        visible, other = self.embed(visible), self.embed(other)
        patches = math.prod(grid)
        hidden = self.mask_token.to(visible.dtype).expand(len(visible), patches, -1)
        place = keep.unsqueeze(-1).expand(-1, -1, visible.shape[-1])
        positions = grid_positions(*grid, visible.shape[-1], visible.device).to(visible.dtype)
        tokens = hidden.scatter(1, place, visible[:, 1:]) + positions
        x = torch.cat([visible[:, :1], tokens], dim=1)
        for block in self.blocks:
            x = block(x, other)
        return self.pixels(self.norm(x[:, 1:]))
