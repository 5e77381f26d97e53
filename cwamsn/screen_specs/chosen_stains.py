"""Which stains a user chooses, and the words that stand for them in a list or in file names."""

from collections.abc import Mapping, Sequence

from cwamsn.errors import InputError

Channels = Sequence[str] | Mapping[str, str]
"""Names of stains, or stain → its word."""


def as_mapping(channels: Channels) -> dict[str, str]:
    """Stain → word; a stain that has none is its own word. InputError for one that is listed twice."""
    if isinstance(channels, Mapping):
        return dict(channels)
    repeated = next((c for c in channels if list(channels).count(c) > 1), None)
    if repeated:
        raise InputError(f"channels: {repeated} is listed twice; list it once")
    return {name: name for name in channels}


def in_order(channels: Channels, words: Sequence[str], label: str) -> dict[str, str]:
    """Stain → word of file names: as mapped, or names that are words themselves, or one name per word in order."""
    if isinstance(channels, Mapping) or all(name in words for name in channels):
        return as_mapping(channels)
    if len(channels) != len(words):
        raise InputError(
            f"channels: {len(channels)} stains are named ({', '.join(channels)}), but {label} has {len(words)} "
            f"({', '.join(words)}); name one for each, or say which: {channels[0]}={words[0]},..."
        )
    return dict(zip(as_mapping(channels), words))
