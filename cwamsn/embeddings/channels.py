"""Channels by name: an encoder takes its stains in one order, the crops of a screen hold them in another.

The order is changed inside the encoder, on the normalised images, so that crops, statistics and everything that cuts
views keep the screen's own order. An encoder for any number of channels takes those of the screen, known or not.
"""

import copy
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor, nn

from cwamsn.errors import InputError, nearest
from cwamsn.live import say
from cwamsn.models import ChannelAgnosticEncoder, ChannelTokens
from cwamsn.notes import note

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
    chosen = _chosen(encoder, screen, names, where)
    if set(chosen) != set(screen):
        spelling = f"write {where}: {{{_example(encoder, chosen, screen)}}} for another spelling, or " if where else ""
        raise InputError(
            f"encoder: trained on channels {', '.join(encoder)}, the screen's crops hold {', '.join(screen)}; "
            f"{spelling}give the screen the encoder's channels (crops.channels, channel_map)"
        )
    return ChannelMatch(tuple(encoder), tuple(screen), tuple(list(screen).index(name) for name in chosen))


def _chosen(
    encoder: Sequence[str], screen: Sequence[str], names: Mapping[str, str] | None, where: str | None
) -> list[str]:
    """The screen's name of each stain of the encoder, whether the screen has it or not."""
    names, key = names or {}, where or "channels"
    for stain in names:
        if stain not in encoder:
            raise InputError(f"{key}.{stain}: the encoder takes no such stain; {nearest(stain, list(encoder))}")
    chosen = [names[stain] if stain in names and names[stain] in screen else stain for stain in encoder]
    twice = next((name for name in chosen if chosen.count(name) > 1), None)
    if twice is not None:
        both = " and ".join(stain for stain, name in zip(encoder, chosen) if name == twice)
        raise InputError(f"{key}: {both} are both the screen's {twice}; give each stain a channel of its own")
    return chosen


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


class KnownChannels(NamedTuple):
    """Which channels of a screen are stains of the training of an encoder that takes any."""

    stains: tuple[str, ...]
    """Of the encoder's training, in its order."""
    screen: tuple[str, ...]
    """Channels of the screen, in its order."""
    places: tuple[int | None, ...]
    """Place of each channel of the screen among the stains; None: the training had no such stain."""

    @property
    def names(self) -> dict[str, str]:
        """The screen's channel of each stain that the screen has."""
        return {self.stains[place]: name for name, place in zip(self.screen, self.places) if place is not None}

    @property
    def unseen(self) -> list[str]:
        """Channels of the screen that the training did not have."""
        return [name for name, place in zip(self.screen, self.places) if place is None]

    @property
    def absent(self) -> list[str]:
        """Stains of the training that the screen does not have."""
        return [stain for stain in self.stains if stain not in self.names]


class Fitted(NamedTuple):
    """An encoder that takes the channels of a screen, in the screen's order."""

    encoder: nn.Module
    meta: Any
    """Its description, with `channels` and `in_channels` of the screen."""
    record: dict[str, object]
    """`channels`, the screen's channel of each stain, where the order or a name differs; for an encoder that takes any
    channels also `unseen_channels` and `absent_channels`, where there are any."""


def takes_any_channels(encoder: nn.Module) -> bool:
    """Whether an encoder takes any number of channels, as those of :mod:`cwamsn.models.agnostic` do."""
    return any(isinstance(module, ChannelAgnosticEncoder) for module in encoder.modules())


def fit_channels(
    encoder: nn.Module,
    meta: Mapping[str, Any],
    screen: Sequence[str],
    names: Mapping[str, str] | None = None,
    where: str | None = None,
) -> Fitted:
    """An encoder for the channels of a screen: found by name, another order than the encoder's said.

    One that takes any channels is given those of the screen, and what it was not trained on is noted.

    Parameters
    ----------
    encoder, meta : as :func:`cwamsn.embeddings.encoder.load_encoder` returns them; `channels` None takes any stains
    screen : the screen's channels, in the order of its crops
    names, where : as of :func:`match_channels`

    Raises
    ------
    InputError
        As :func:`match_channels`; an encoder for any channels refuses only entries of `names` that cannot be.
    """
    own = meta.get("channels")
    if not own:
        return Fitted(encoder, meta, {})
    fitted = dict(meta) | {"channels": list(screen)}
    if not takes_any_channels(encoder):
        match = match_channels(own, screen, names, where)
        plain = match.encoder == match.screen
        if not plain:
            say(str(match))
        return Fitted(for_screen(encoder, match), fitted, {} if plain else {"channels": match.names})
    known, fitted = known_channels(own, screen, names, where), fitted | {"in_channels": len(screen)}
    if known.places == tuple(range(len(own))):
        plain = known.stains == known.screen
        return Fitted(encoder, fitted, {} if plain else {"channels": known.names})
    _say_what_is_new(encoder, meta, known)
    lists = {"unseen_channels": known.unseen, "absent_channels": known.absent}
    record: dict[str, object] = {"channels": known.names}
    record |= {key: value for key, value in lists.items() if value}
    return Fitted(_with_channels(encoder, known.places), fitted, record)


def known_channels(
    encoder: Sequence[str], screen: Sequence[str], names: Mapping[str, str] | None = None, where: str | None = None
) -> KnownChannels:
    """Which channels of a screen are stains of an encoder that takes any; arguments as of :func:`match_channels`."""
    place = {name: i for i, name in enumerate(_chosen(encoder, screen, names, where))}
    return KnownChannels(tuple(encoder), tuple(screen), tuple(place.get(name) for name in screen))


def _say_what_is_new(encoder: nn.Module, meta: Mapping[str, Any], known: KnownChannels) -> None:
    tokens = any(isinstance(module, ChannelTokens) for module in encoder.modules())
    pairs = (stain if stain == name else f"{stain} is {name}" for stain, name in known.names.items())
    say(f"channels by name: {', '.join(pairs) or 'none of the encoder'}")
    if known.unseen:
        how = "they get the mean of its channel vectors" if tokens else "each is looked at alone, like any other"
        note(
            f"channels: {', '.join(known.unseen)} of the screen are no stains of the encoder's training "
            f"({', '.join(known.stains)}): {how}; where one is another name of a stain, give it (channels)"
        )
    sampled = (meta.get("recipe") or {}).get("channel_sampling", "none") != "none"
    if known.absent:
        new = "" if sampled else "; it was trained on all of them at once (channel_sampling: none), never on a part"
        note(f"channels: the screen lacks {', '.join(known.absent)} of the encoder's stains{new}")


def _with_channels(encoder: nn.Module, places: Sequence[int | None]) -> nn.Module:
    """A copy of `encoder` whose part for any channels is :meth:`ChannelAgnosticEncoder.for_channels` of itself."""
    if isinstance(encoder, ChannelAgnosticEncoder):
        return encoder.for_channels(places)
    other = copy.deepcopy(encoder)
    for module in list(other.modules()):
        for name, child in module.named_children():
            if isinstance(child, ChannelAgnosticEncoder):
                setattr(module, name, child.for_channels(places))
    return other
