"""Image encoders that look at each channel with a frozen network and join the channels with a small transformer."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from cwamsn.errors import InputError
from cwamsn.models.base import Encoder, PublishedNetwork, refuse_mask


def quick_gelu(x: Tensor) -> Tensor:
    """The sigmoid approximation of GELU that CLIP uses."""
    return x * torch.sigmoid(1.702 * x)


class CrossChannelFormer(nn.Module):
    """Features of each channel (B, C, E) to one vector (B, out_features), as in CellCLIP (Lu et al. 2025).

    A learned vector per channel is added, a class token prepended; `depth` pre-norm blocks attend over the channels;
    the class token is normed and mapped to `out_features`.
    """

    def __init__(self, features: int, channels: int, out_features: int, depth: int = 12, heads: int = 8):
        super().__init__()
        if features % heads:
            raise InputError(f"training.encoder_options.heads: {features} features do not divide into {heads} heads")
        self.channel_embed = nn.Parameter(torch.zeros(channels, features))
        self.cls_token = nn.Parameter(torch.zeros(1, features))
        self.channel_ln, self.ln_pre, self.ln_post = (nn.LayerNorm(features) for _ in range(3))
        block = nn.TransformerEncoderLayer(
            features, heads, 4 * features, dropout=0.0, activation=quick_gelu, batch_first=True, norm_first=True
        )
        self.blocks = nn.TransformerEncoder(block, depth, enable_nested_tensor=False)
        self.proj = nn.Parameter(torch.randn(features, out_features) * features**-0.5)
        nn.init.trunc_normal_(self.channel_embed, std=0.02)

    def forward(self, profiles: Tensor) -> Tensor:
        x = self.channel_ln(profiles + self.channel_embed)
        x = self.ln_pre(torch.cat([self.cls_token.to(x.dtype).expand(len(x), -1, -1), x], dim=1))
        return self.ln_post(self.blocks(x)[:, 0]) @ self.proj


@dataclass(frozen=True, kw_only=True)
class ChannelwiseOptions:
    """`training.encoder_options` of the encoder `channelwise`."""

    frozen: str = "efficientnet-lite0"
    """Name of the frozen network's weights."""
    frozen_path: str | None = None
    """A local copy of their file."""
    width: int | None = None
    """What the channels' features are narrowed to; None for no narrowing."""
    out_features: int = 512
    depth: int = 12
    heads: int = 8
    accept_noncommercial: bool = False
    """What the run's `accept_noncommercial_licence` says."""


class ChannelwiseEncoder(Encoder):
    """A frozen network on each channel alone (grey as RGB where it wants colours), then a CrossChannelFormer.

    Parameters
    ----------
    frozen : looks at each channel; never trained.
    former : joins the channels' features.
    narrow : what the channels' features go through before it; the identity unless the former is narrower than they are.
    source : where the frozen network's weights come from, see :func:`cwamsn.models.build.load_frozen`.
    """

    def __init__(
        self,
        frozen: PublishedNetwork,
        former: CrossChannelFormer,
        narrow: nn.Module | None = None,
        source: ChannelwiseOptions | None = None,
    ):
        super().__init__()
        self.frozen: PublishedNetwork = frozen.eval().requires_grad_(False)
        self.former, self.source = former, source
        self.narrow = nn.Identity() if narrow is None else narrow
        self.num_features = former.proj.shape[1]

    def train(self, mode: bool = True) -> "ChannelwiseEncoder":
        super().train(mode)
        self.frozen.eval()  # BatchNorm keeps the statistics that it was published with
        return self

    @torch.no_grad()
    def profiles(self, images: Tensor, keep: Tensor | None = None) -> Tensor:
        """(B, C, E) features of the channels of images (B, C, H, W)."""
        refuse_mask(keep)
        grey = images.flatten(0, 1).unsqueeze(1)
        return self.frozen(grey.expand(-1, self.frozen.colours, -1, -1)).unflatten(0, images.shape[:2])

    def join(self, profiles: Tensor) -> Tensor:
        """(B, D) of the channels' features (B, C, E)."""
        return self.former(self.narrow(profiles))

    def forward(self, images: Tensor, keep: Tensor | None = None, final_norm: bool | None = None) -> Tensor:
        return self.join(self.profiles(images, keep))
