"""What every image encoder is."""

from collections.abc import Sequence

from torch import Tensor, nn

from cwamsn.errors import InputError


class Encoder(nn.Module):
    """Images (B, C, H, W) to features (B, num_features).

    `forward` takes `keep`, the indices of the patches to look at (None: all), and `final_norm`, whether the last
    LayerNorm is applied (None: the encoder's own setting); encoders without patches refuse the one, encoders without
    that norm ignore the other. A :class:`~cwamsn.models.agnostic.ChannelAgnosticEncoder` takes `channels` besides.
    """

    num_features: int
    patch_size: tuple[int, int] = (1, 1)
    """Height and width of a patch in pixels; sides of images are multiples of it."""


class PatchEncoder(Encoder):
    """An encoder that can leave patches out, and gives a token for each patch that it looked at."""

    in_channels: int
    """Channels of the images that it was built for."""

    def tokens(self, images: Tensor, keep: Tensor | None = None, final_norm: bool | None = None) -> Tensor:
        """Tokens (B, 1 + n, D), class token first, of images (B, C, H, W).

        keep : indices of the patches to keep, (n,) for the whole batch or (B, n), one row per sample; None keeps all.
        final_norm : whether the final LayerNorm is applied; None takes the encoder's own setting.
        """
        raise NotImplementedError


class PublishedNetwork(nn.Module):
    """Images in 0-1 (B, colours, H, W) to features (B, num_features): a network whose weights are public."""

    num_features: int
    colours: int
    """Channels that it takes at a time."""
    normalise: str = "image"

    def place_stains(self, places: Sequence[int], channels: int) -> None:
        """Be told at which of the images' `channels` the stains lie that the network knows by name, in its own order.

        Called once, after the weights are loaded, for networks that know stains by name; others need not be told.
        """


def refuse_mask(keep: Tensor | None) -> None:
    """For encoders without patches: raise InputError where some are to be left out."""
    if keep is not None:
        raise InputError("training.mask_ratio: this encoder has no patches to mask; set it to 0 or take a ViT")
