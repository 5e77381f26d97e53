"""Published networks that look at each channel of an image alone; the features of the channels stand side by side."""

import torch
from torch import Tensor

from cwamsn.models.base import PublishedNetwork


class OneChannelAtATime(PublishedNetwork):
    """Images (B, C, H, W) to features (B, C · D): one shared network on each channel, in the order of the channels.

    Channels are looked at one after the other, since C times the memory is more than a large network leaves.

    Parameters
    ----------
    single : the network; where it takes colours, it sees the channel as grey.
    channels : number of channels, C.
    """

    def __init__(self, single: PublishedNetwork, channels: int):
        super().__init__()
        self.single, self.colours = single, channels
        self.num_features = channels * single.num_features

    def forward(self, images: Tensor) -> Tensor:
        grey = (images[:, c : c + 1].expand(-1, self.single.colours, -1, -1) for c in range(images.shape[1]))
        return torch.cat([self.single(channel) for channel in grey], dim=1)
