"""Channels by name: an encoder takes its stains in one order, the crops of a screen hold them in another.

The order is changed inside the encoder, on the normalised images, so that crops, statistics and everything that cuts
views keep the screen's own order.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor, nn

from cwamsn.errors import InputError, nearest

Value = TypeVar("Value")


class ChannelMatch(NamedTuple):
    """Which channel of a screen is which stain of an encoder."""

    encoder: tuple[str, ...]
    """Stains of the encoder, in its order."""
    screen: tuple[str, ...]
    """Channels of the screen, in its order."""
    places: tuple[int, ...]
    """Place of each stain of the encoder among the screen's channels."""

    @property
    def in_order(self) -> bool:
        """Whether the screen has the encoder's order."""
        return self.places == tuple(range(len(self.places)))

    @property
    def names(self) -> dict[str, str]:
        """The screen's channel of each stain of the encoder."""
        return {stain: self.screen[place] for stain, place in zip(self.encoder, self.places)}

    def in_screen_order(self, values: Sequence[Value]) -> list[Value]:
        """`values` of the encoder's stains, brought into the order of the screen's channels."""
        found = dict(zip(self.places, values))
        return [found[place] for place in range(len(values))]

    def __str__(self) -> str:
        pairs = (stain if stain == name else f"{stain} is {name}" for stain, name in self.names.items())
        return f"channels by name, in the encoder's order: {', '.join(pairs)}"


def match_channels(
    encoder: Sequence[str], screen: Sequence[str], names: Mapping[str, str] | None = None, where: str | None = None
) -> ChannelMatch:
    """Match the stains of an encoder with the channels of a screen, by name.

    Parameters
    ----------
    encoder, screen : names, in order
    names : the screen's name of a stain that the encoder names otherwise. It holds where the screen has that name, so
        that one table serves screens of several spellings
    where : the configuration's key of `names`, for messages; None where there is none

    Raises
    ------
    InputError
        Encoder and screen have not the same stains; `names` names a stain that the encoder does not take, or gives two
        stains one channel.
    """
    names, key = names or {}, where or "channels"
    for stain in names:
        if stain not in encoder:
            raise InputError(f"{key}.{stain}: the encoder takes no such stain; {nearest(stain, list(encoder))}")
    chosen = [names[stain] if stain in names and names[stain] in screen else stain for stain in encoder]
    twice = next((name for name in chosen if chosen.count(name) > 1), None)
    if twice is not None:
        both = " and ".join(stain for stain, name in zip(encoder, chosen) if name == twice)
        raise InputError(f"{key}: {both} are both the screen's {twice}; give each stain a channel of its own")
    if set(chosen) != set(screen):
        spelling = f"write {where}: {{{_example(encoder, chosen, screen)}}} for another spelling, or " if where else ""
        raise InputError(
            f"encoder: trained on channels {', '.join(encoder)}, the screen's crops hold {', '.join(screen)}; "
            f"{spelling}give the screen the encoder's channels (crops.channels, channel_map)"
        )
    return ChannelMatch(tuple(encoder), tuple(screen), tuple(list(screen).index(name) for name in chosen))


def _example(encoder: Sequence[str], chosen: Sequence[str], screen: Sequence[str]) -> str:
    """The first stain without a channel and the first channel without a stain, as an example."""
    stain = next((stain for stain, name in zip(encoder, chosen) if name not in screen), encoder[0])
    return f"{stain}: {next((name for name in screen if name not in chosen), screen[0])}"


class InScreenOrder(nn.Module):
    """An encoder that takes images (B, C, H, W) whose channels are in the order of a screen.

    The order is part of its state, so that features kept from before a kill are not taken for those of another order.
    """

    places: Tensor

    def __init__(self, encoder: nn.Module, match: ChannelMatch):
        super().__init__()
        self.encoder = encoder
        self.register_buffer("places", torch.tensor(match.places))

    def forward(self, images: Tensor) -> Tensor:
        return self.encoder(images.index_select(1, self.places))


def for_screen(encoder: nn.Module, match: ChannelMatch) -> nn.Module:
    """`encoder` for images in the screen's order: itself where the orders are equal."""
    return encoder if match.in_order else InScreenOrder(encoder, match).eval()
