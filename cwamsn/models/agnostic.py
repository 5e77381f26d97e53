"""Encoders for images with any number of channels: a vision transformer of one channel, shared by all of them.

`bag-of-channels` looks at each channel alone and averages what it sees; `channel-tokens` puts the patches of all
channels into one sequence, each with a learned vector of its channel (ChannelViT, Bao et al. 2024, arXiv:2309.16108).
Every shape follows from that of the images: which channels are shown is a mask, so that a step can be recorded.
"""

import copy
from collections.abc import Sequence
from typing import Self

import torch
from torch import Tensor, nn

from cwamsn.models.base import PatchEncoder
from cwamsn.models.vit import ViTEncoder


class ChannelAgnosticEncoder(PatchEncoder):
    """Images of any number of channels to features of one dimension.

    Parameters
    ----------
    single : the vision transformer of one channel.
    in_channels : channels of the training's images.
    """

    def __init__(self, single: ViTEncoder, in_channels: int):
        super().__init__()
        self.single, self.in_channels = single, in_channels
        self.num_features, self.patch_size = single.num_features, single.patch_size

    def forward(
        self,
        images: Tensor,
        keep: Tensor | None = None,
        final_norm: bool | None = None,
        channels: Tensor | None = None,
    ) -> Tensor:
        """Features (B, D) of images (B, C, H, W); `channels` (B, C), bool, are those to look at; None: all."""
        raise NotImplementedError

    def tokens(
        self,
        images: Tensor,
        keep: Tensor | None = None,
        final_norm: bool | None = None,
        channels: Tensor | None = None,
    ) -> Tensor:
        """Tokens (B, 1 + n, D), class token first; that of a patch is the mean over the channels that are shown."""
        raise NotImplementedError

    def for_channels(self, places: Sequence[int | None]) -> Self:
        """A copy for images whose channel i is the training's channel `places[i]`; None: one that it never saw."""
        other = copy.deepcopy(self)
        other.in_channels = len(places)
        return other


class BagOfChannels(ChannelAgnosticEncoder):
    """One shared transformer looks at each channel alone; what it gives is averaged over the channels.

    The mean, in training and embedding alike: the dimension does not depend on the number of channels, nor does the
    scale of the features, and neither order nor name of a channel plays a part.
    """

    def forward(
        self,
        images: Tensor,
        keep: Tensor | None = None,
        final_norm: bool | None = None,
        channels: Tensor | None = None,
    ) -> Tensor:
        one, kept = self._apart(images, keep)
        return mean_of(self.single(one, kept, final_norm).unflatten(0, images.shape[:2]), channels)

    def tokens(
        self,
        images: Tensor,
        keep: Tensor | None = None,
        final_norm: bool | None = None,
        channels: Tensor | None = None,
    ) -> Tensor:
        one, kept = self._apart(images, keep)
        return mean_of(self.single.tokens(one, kept, final_norm).unflatten(0, images.shape[:2]), channels)

    @staticmethod
    def _apart(images: Tensor, keep: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """Images (B·C, 1, H, W), and the patches that are kept of them: the same in all channels of an image."""
        if keep is not None and keep.ndim == 2:
            keep = keep.unsqueeze(1).expand(-1, images.shape[1], -1).flatten(0, 1)
        return images.flatten(0, 1).unsqueeze(1), keep


class ChannelTokens(ChannelAgnosticEncoder):
    """The patches of all channels in one sequence, each with its position and a learned vector of its channel.

    One patch embedding and one grid of positions serve all channels. A patch that is left out is left out of all of
    them. Tokens of channels that are not shown stay in the sequence, where no other token attends to them.
    """

    def __init__(self, single: ViTEncoder, in_channels: int):
        super().__init__(single, in_channels)
        self.channel_embed = nn.Parameter(torch.zeros(in_channels, single.num_features))
        nn.init.trunc_normal_(self.channel_embed, std=0.02)

    def forward(
        self,
        images: Tensor,
        keep: Tensor | None = None,
        final_norm: bool | None = None,
        channels: Tensor | None = None,
    ) -> Tensor:
        return self._encoded(images, keep, final_norm, channels, cls_only=True)[:, 0]

    def tokens(
        self,
        images: Tensor,
        keep: Tensor | None = None,
        final_norm: bool | None = None,
        channels: Tensor | None = None,
    ) -> Tensor:
        encoded = self._encoded(images, keep, final_norm, channels, cls_only=False)
        patches = encoded[:, 1:].unflatten(1, (images.shape[1], -1))
        return torch.cat([encoded[:, :1], mean_of(patches, channels)], dim=1)

    def for_channels(self, places: Sequence[int | None]) -> Self:
        """As of the base class; a channel that it never saw gets the mean of the vectors of those that it saw."""
        other = super().for_channels(places)
        own = self.channel_embed.detach()
        rows = torch.stack([own.mean(dim=0) if place is None else own[place] for place in places])
        other.channel_embed = nn.Parameter(rows, requires_grad=self.channel_embed.requires_grad)
        return other

    def _encoded(
        self, images: Tensor, keep: Tensor | None, final_norm: bool | None, channels: Tensor | None, cls_only: bool
    ) -> Tensor:
        """(B, 1 + C·n, D), the patches of the first channel first; (B, 1, D) if `cls_only`."""
        one, kept = BagOfChannels._apart(images, keep)
        patches, place = self.single.placed(one, kept)
        tokens = patches.unflatten(0, images.shape[:2]) + self.channel_embed[:, None]
        hidden = None if channels is None else hide(channels, patches.shape[1]).to(tokens.dtype)
        return self.single.encode(tokens.flatten(1, 2), place, final_norm, cls_only, hidden)


def mean_of(values: Tensor, channels: Tensor | None) -> Tensor:
    """(B, ...) mean of values (B, C, ...) over the `channels` (B, C) that are shown; None: over all."""
    if channels is None:
        return values.mean(dim=1)
    shown = channels.to(values.dtype)
    weights = (shown / shown.sum(dim=1, keepdim=True)).reshape(shown.shape + (1,) * (values.ndim - 2))
    return (values * weights).sum(dim=1)


def hide(channels: Tensor, patches: int) -> Tensor:
    """(B, 1, 1, 1 + C·n): what is added to attention, -inf for tokens of channels that are not shown, else 0."""
    shown = channels.unsqueeze(-1).expand(-1, -1, patches).flatten(1)
    shown = torch.cat([torch.ones_like(shown[:, :1]), shown], dim=1)
    return torch.zeros(shown.shape, device=shown.device).masked_fill(~shown, -torch.inf)[:, None, None]
