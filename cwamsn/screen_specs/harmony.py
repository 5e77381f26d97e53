"""What Harmony's index says beside the images of an Opera or Operetta: names of the channels, size of a pixel."""

import re
from dataclasses import dataclass, field

from cwamsn.screen_specs.folders import FolderImages

_INDICES = ("Index.idx.xml", "Index.ref.xml", "Index.xml")
_HEAD = 32 << 20  # bytes that are searched; one entry per image follows the plate's and the wells' entries
_NAMED = re.compile(
    r"<(?:ChannelID>|Entry ChannelID=\")(?P<id>\d+)\D(?:(?!</Image>|</Entry>).){0,4000}?"
    r"<ChannelName>(?P<name>[^<]+)</ChannelName>",
    re.DOTALL,
)
_PIXEL = re.compile(r"<ImageResolutionX Unit=\"m\">(?P<m>[-+.\deE]+)</ImageResolutionX>")


@dataclass(frozen=True)
class HarmonyIndex:
    """What an index says; nothing where there is none."""

    names: dict[str, str] = field(default_factory=dict)
    """Word of file names (ch1) → the channel's name. Empty where two channels have one name."""
    microns_per_pixel: float | None = None


def read_index(looked: FolderImages) -> HarmonyIndex:
    """The index of the first plate of a folder of Harmony's."""
    if looked.pattern.name != "opera":
        return HarmonyIndex()
    folder = (looked.folder / looked.images[0].path).parent
    path = next((folder / name for name in _INDICES if (folder / name).is_file()), None)
    if path is None:
        return HarmonyIndex()
    with path.open("rb") as file:
        text = file.read(_HEAD).decode("utf-8", errors="replace")
    found: dict[str, str] = {}
    for match in _NAMED.finditer(text):
        found.setdefault(f"ch{match['id']}", match["name"].strip().replace("/", " "))
    names = {word: found[word.lower()] for word in looked.channels() if word.lower() in found}
    complete = len(names) == len(looked.channels()) == len(set(names.values()))
    size = _PIXEL.search(text)
    return HarmonyIndex(names if complete else {}, round(float(size["m"]) * 1e6, 6) if size else None)
