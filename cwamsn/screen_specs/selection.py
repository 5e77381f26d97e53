"""Which plane of an image file is meant: `f.tif!c=2`, `f.tif!page=3`, `f.tif!c=1,z=max`. All numbers count from 0."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from cwamsn.errors import InputError

PROJECTIONS = ("max", "sharpest")
DEPTHS = "|"
"""Between the files of one plane, each of which holds a depth."""
_TAIL = re.compile(r"!(?=(?:c|z|t|page)\s*=)([^!/\\]*)$")


@dataclass(frozen=True)
class Selection:
    """A plane of a file. None where nothing is said: the file must then have one of it, or a screen's key decides."""

    channel: int | None = None
    z: int | str | None = None
    """Depth: a number, `max` (maximum projection) or `sharpest`."""
    time: int | None = None
    page: int | None = None
    """Image of a TIFF, in the order of the file, thumbnails left out; instead of the others."""

    def __bool__(self) -> bool:
        return self != WHOLE

    def __str__(self) -> str:
        named = {"c": self.channel, "z": self.z, "t": self.time, "page": self.page}
        texts = [f"{key}={value}" for key, value in named.items() if value is not None]
        return f"!{','.join(texts)}" if texts else ""

    def with_channel(self, channel: int | None) -> "Selection":
        """The same depth of another channel."""
        return replace(self, channel=channel)


WHOLE = Selection()


def split_selection(text: str) -> tuple[str, Selection]:
    """(the name without its selection, the selection). InputError for one that cannot be meant."""
    found = _TAIL.search(text) if "!" in text else None
    if found is None:
        return text, WHOLE
    return text[: found.start()], parse_selection(found[1], text)


def chosen_plane(name: str, stain: str, planes: Mapping[str, int] | None, label: str) -> tuple[str, Selection]:
    """(the file, which plane of it) of a stain, from the file's name and the key `images.planes`.

    planes : stain → channel in the file, from 0. label : where the name stands, for an InputError.
    """
    file_name, selection = split_selection(name)
    if planes is None or not name.strip():
        return file_name, selection
    if stain not in planes:
        raise InputError(f"images.planes: has no stain {stain}, only {', '.join(planes)}; add its channel, from 0")
    if selection.page is not None or selection.channel not in (None, planes[stain]):
        raise InputError(f"{label}: {name} selects another plane than images.planes ({stain}: {planes[stain]})")
    return file_name, selection.with_channel(planes[stain])


def parse_selection(text: str, label: str) -> Selection:
    """`c=1,z=max` as a selection. label: what an InputError begins with."""
    values: dict[str, int | str] = {}
    for part in text.split(","):
        key, _, value = (piece.strip() for piece in part.partition("="))
        advice = "write c=, z= or t= with a number from 0 (z also max or sharpest), or page= alone"
        if key not in ("c", "z", "t", "page") or key in values:
            raise InputError(f"{label}: {part.strip()!r} selects nothing; {advice}")
        if value.isascii() and value.isdigit():
            values[key] = int(value)
        elif key == "z" and value in PROJECTIONS:
            values[key] = value
        else:
            raise InputError(f"{label}: {part.strip()!r} is no number from 0; {advice}")
    if "page" in values and len(values) > 1:
        raise InputError(f"{label}: page= stands alone; leave out the others")
    return Selection(
        channel=_number(values.get("c")),
        z=values.get("z"),
        time=_number(values.get("t")),
        page=_number(values.get("page")),
    )


def _number(value: int | str | None) -> int | None:
    return value if isinstance(value, int) else None
