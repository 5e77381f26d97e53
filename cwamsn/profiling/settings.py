"""What decides profiles beside the screen and the encoder: the sections of a configuration, or their defaults."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cwamsn.alignment import AlignOptions
from cwamsn.config_files import sections_of
from cwamsn.crops import ChannelMap, CropOptions
from cwamsn.embeddings import EmbedOptions
from cwamsn.vocabulary import RXRX3_TO_BRAY

SECTIONS = ("crops", "channel_maps", "embedding", "alignment")


def _maps() -> dict[str, ChannelMap]:
    return {"rxrx3_to_bray": ChannelMap(channels=RXRX3_TO_BRAY)}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Sections of the configuration that profiles depend on."""

    crops: CropOptions = field(default_factory=CropOptions)
    channel_maps: Mapping[str, ChannelMap] = field(default_factory=_maps)
    embedding: EmbedOptions = field(default_factory=EmbedOptions)
    alignment: AlignOptions = field(default_factory=AlignOptions)


def settings_of(argument: str | Path) -> Settings:
    """The settings that go with the screen that `argument` names: those of a configuration file, else the defaults."""
    own = sections_of(argument, SECTIONS)
    maps = {name: ChannelMap.from_config(entry) for name, entry in (own.get("channel_maps") or {}).items()}
    return Settings(
        crops=CropOptions.from_config(own.get("crops") or {}),
        channel_maps=_maps() | maps,
        embedding=EmbedOptions.from_config(own.get("embedding") or {}),
        alignment=AlignOptions.from_config(own.get("alignment") or {}),
    )
