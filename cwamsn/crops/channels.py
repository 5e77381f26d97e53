"""Which stains of a screen make up each channel of its crops."""

from collections.abc import Mapping, Sequence

import numpy as np

from cwamsn.crops.options import ChannelMap
from cwamsn.errors import InputError, nearest


def channel_sources(
    channels: Sequence[str],
    channel_map: str | None,
    channel_maps: Mapping[str, ChannelMap],
    stains: Sequence[str],
    source: str,
) -> tuple[list[list[str]], str]:
    """Stains behind each of the crop's `channels`, and how several become one ('mean' or 'max').

    Parameters
    ----------
    channels : channels of the crop.
    channel_map : name of an entry of `channel_maps`, or None where stains and channels have equal names.
    stains : what the screen has, for the check.
    source : what to name in an error.

    Raises
    ------
    InputError
        For an unknown map, a channel that the map lacks, and a stain that the screen lacks.
    """
    if channel_map is None:
        chosen = ChannelMap(channels={c: [c] for c in channels})
    else:
        if channel_map not in channel_maps:
            raise InputError(f"channel_map: no map is called {channel_map!r}; {nearest(channel_map, channel_maps)}")
        chosen = channel_maps[channel_map]
    wanted = chosen.channels
    for channel in channels:
        if not wanted.get(channel):
            raise InputError(f"channel_maps.{channel_map}.channels: no stain for channel {channel!r}; add it")
        for stain in wanted[channel]:
            if stain not in stains:
                raise InputError(
                    f"{source}: channel {channel!r} needs stain {stain!r}, the screen has {', '.join(stains)}; "
                    "correct crops.channels or the screen's channel_map"
                )
    return [list(wanted[c]) for c in channels], chosen.combine


def combine_planes(planes: Sequence[np.ndarray], combine: str) -> np.ndarray:
    """One (H, W) uint8 plane from several: their maximum, or their mean rounded down as the conversion rounds."""
    if combine == "max":
        return np.maximum.reduce(planes)
    return (np.add.reduce(planes, dtype=np.uint16) // len(planes)).astype(np.uint8)
