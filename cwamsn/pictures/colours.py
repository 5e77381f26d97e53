"""The colour in which each stain is shown."""

from collections.abc import Sequence

import numpy as np

from cwamsn.stains import stain_group

# By the names of cwamsn.vocabulary.SYNONYMS. As Cell Painting's atlases colour them; the nucleus is lighter than pure
# blue, which the eye sees as black, and no two are told apart by red against green alone: each has its own lightness.
_COLOURS = {
    "DNA": ("blue", (70, 110, 255)),
    "ER": ("green", (0, 185, 95)),
    "RNA": ("yellow", (235, 205, 40)),
    "AGP": ("orange", (255, 105, 30)),
    "Phalloidin": ("orange", (255, 105, 30)),
    "Mito": ("magenta", (215, 60, 190)),
    "WGA": ("cyan", (60, 200, 225)),
}
# For stains that are not known, in the order of the channels.
_OTHERS = (("white", (190, 190, 190)), ("violet", (150, 90, 255)), ("lime", (160, 220, 60)), ("rose", (255, 120, 150)))


def _named(channels: Sequence[str]) -> list[tuple[str, tuple[int, int, int]]]:
    found, taken, others = [], set(), 0
    for channel in channels:
        named = _COLOURS.get(stain_group(channel))
        if named is None or named[0] in taken:
            named = _OTHERS[others % len(_OTHERS)]
            others += 1
        taken.add(named[0])
        found.append(named)
    return found


def stain_colours(channels: Sequence[str]) -> np.ndarray:
    """(C, 3) float32, red, green and blue from 0 to 255 of each channel; stains are known by any of their names."""
    return np.array([rgb for _, rgb in _named(channels)], dtype=np.float32).reshape(-1, 3)


def colour_names(channels: Sequence[str]) -> dict[str, str]:
    """The colour of each channel in a word, for captions."""
    return {channel: name for channel, (name, _) in zip(channels, _named(channels))}
