"""What decides profiles beside the screen and the encoder: the sections of a configuration, or their defaults."""

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from cwamsn.alignment import AlignOptions
from cwamsn.config import load_schema, merge, resolve
from cwamsn.config_files import check_text, read_layers
from cwamsn.crops import ChannelMap, CropOptions
from cwamsn.embeddings import EmbedOptions
from cwamsn.vocabulary import RXRX3_TO_BRAY

_SCHEMAS = Path(__file__).resolve().parents[2] / "config" / "schemas"
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
    found = re.fullmatch(r"(?P<path>.+\.ya?ml)(:[^/\\:]+)?", str(argument))
    if not found or not Path(found["path"]).is_file():
        return Settings()
    path = Path(found["path"])
    check_text(path)
    layers = read_layers([path], lambda name: yaml.safe_load(Path(name).read_text(encoding="utf-8")))
    merged: Mapping[str, Any] = functools.reduce(merge, layers)
    own = {key: merged[key] for key in SECTIONS if key in merged}
    if _SCHEMAS.is_dir():  # a checkout; an installed package has no schemas
        own = {key: value for key, value in resolve(own, load_schema(_SCHEMAS)).items() if key in SECTIONS}
    maps = {name: ChannelMap.from_config(entry) for name, entry in (own.get("channel_maps") or {}).items()}
    return Settings(
        crops=CropOptions.from_config(own.get("crops") or {}),
        channel_maps=_maps() | maps,
        embedding=EmbedOptions.from_config(own.get("embedding") or {}),
        alignment=AlignOptions.from_config(own.get("alignment") or {}),
    )
