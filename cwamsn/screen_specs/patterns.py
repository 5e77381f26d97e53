r"""How plate microscopes name their files, and which of these patterns a name is nearest to.

A pattern is a regular expression with named groups: `well`, or `row` and `column` (letters or numbers); `channel`;
and, where the names say so, `plate`, `site`, `z`, `time`. The examples are names as the instruments write them.
"""

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from cwamsn.errors import InputError, nearest

SUFFIXES = (".tif", ".tiff", ".png", ".jp2", ".jxl")
_END = r"\.(?:tiff?|png|jp2|jxl)"
_GUID = r"[0-9A-F]{8}(?:-[0-9A-F]{4}){3}-[0-9A-F]{12}"
GROUPS = ("plate", "well", "row", "column", "col", "site", "channel", "z", "time", "prefix")


@dataclass(frozen=True)
class Pattern:
    """One way in which files are named."""

    name: str
    instrument: str
    regex: re.Pattern[str]
    example: str
    tree: str
    """Where files of one plate lie, below the plate's folder."""
    housekeeping: re.Pattern[str] = re.compile(r"(?!)")
    """Names of folders that say nothing of the plate; its groups `z` and `time` are read."""
    whole_path: bool = False
    """Matched against the path below the folder, not against the file's name."""


def _pattern(name: str, instrument: str, regex: str, example: str, tree: str, housekeeping: str = "(?!)") -> Pattern:
    """Vendors' names in any case, since file systems and copies change it."""
    found = re.compile(regex + _END, re.IGNORECASE)
    return Pattern(name, instrument, found, example, tree, re.compile(housekeeping, re.IGNORECASE))


PATTERNS = {
    pattern.name: pattern
    for pattern in (
        _pattern(
            "opera",
            "Opera, Opera Phenix and Operetta (Harmony, Columbus exports)",
            r"r(?P<row>\d{2})c(?P<column>\d{2})f(?P<site>\d{2,})p(?P<z>\d{2,})-(?P<channel>ch\d+)"
            r"sk(?P<time>\d+)fk\d+fl\d+",
            "r01c02f03p01-ch1sk1fk1fl1.tiff",
            "Images/",
            r"images",
        ),
        _pattern(
            "imagexpress",
            "ImageXpress (MetaXpress)",
            rf"(?:(?P<prefix>.+)_)?(?P<well>[A-P]\d{{2}}|A[A-F]\d{{2}})(?:_s(?P<site>\d+))?"
            rf"_(?P<channel>w\d{{1,2}}?)(?:{_GUID})?",
            "Plate1_A01_s1_w1E78EB128-BD0D-4D94-A6AD-3FF28BB1B105.tif",
            "TimePoint_1/, or TimePoint_1/ZStep_1/",
            r"time_?point_(?P<time>\d+)|zstep_(?P<z>\d+)",
        ),
        _pattern(
            "incell",
            "IN Cell Analyzer",
            r"(?:(?P<prefix>.+)_)?(?P<row>[A-P]|A[A-F]) ?- ?(?P<column>\d{1,3})\((?:fld (?P<site>\d+) )?"
            r"wv (?P<channel>.+?)(?: wix \d+)?(?: z (?P<z>\d+))?(?: ?- ?time (?P<time>\d+) - \d+ ms)?\)",
            "A - 01(fld 01 wv DAPI - DAPI).tif",
            "",
        ),
        _pattern(
            "cv8000",
            "CellVoyager CV7000 and CV8000 (Yokogawa)",
            r"(?:(?P<prefix>.+)_)?(?P<well>[A-P]\d{2}|A[A-F]\d{2})_T(?P<time>\d{4})F(?P<site>\d{3,4})L\d{2}A\d{2}"
            r"Z(?P<z>\d{2,3})(?P<channel>C\d{2})",
            "AssayPlate_A01_T0001F001L01A01Z01C01.tif",
            "",
        ),
    )
}
# Other names of the instruments and of their programs.
_ALSO = {
    "phenix": "opera", "operetta": "opera", "harmony": "opera", "columbus": "opera", "metaxpress": "imagexpress",
    "yokogawa": "cv8000", "cv7000": "cv8000", "cellvoyager": "cv8000",
}  # fmt: skip


def pattern_of(text: str) -> Pattern:
    """The pattern that a name or a regular expression means. InputError for one that cannot place an image."""
    name = re.sub(r"[\s_-]", "", text).lower()
    if _ALSO.get(name, name) in PATTERNS:
        return PATTERNS[_ALSO.get(name, name)]
    if "(?P<" not in text:
        near = nearest(name, [*PATTERNS, *_ALSO])
        raise InputError(f"pattern: {text!r} is no known pattern ({near}) and has no named group, as in (?P<well>...)")
    try:
        regex = re.compile(text)
    except re.error as error:
        raise InputError(f"pattern: {text!r} is not a regular expression ({error})") from None
    groups = set(regex.groupindex)
    odd = next((g for g in regex.groupindex if g not in GROUPS), None)
    if odd is not None:
        raise InputError(f"pattern: group {odd!r} is not known; {nearest(odd, GROUPS)}")
    if "channel" not in groups:
        raise InputError(
            "pattern: has no group (?P<channel>...); name the part that tells the stains apart; files with all "
            "channels in one are named in a load_data.csv, with images.planes (docs/data.md, Files of several planes)"
        )
    if "well" not in groups and not ("row" in groups and {"column", "col"} & groups):
        raise InputError("pattern: has no group (?P<well>...), nor (?P<row>...) and (?P<column>...); name the well")
    return Pattern("own", "your regular expression", regex, text, "", whole_path="/" in text)


def guess(names: Iterable[str]) -> Pattern | None:
    """The known pattern that most of the names match; None where none matches any."""
    count = dict.fromkeys(PATTERNS, 0)
    for name in names:
        for pattern in PATTERNS.values():
            if pattern.regex.fullmatch(name):
                count[pattern.name] += 1
                break
    best = max(count, key=lambda name: count[name])
    return PATTERNS[best] if count[best] else None


def nearest_pattern(names: Iterable[str]) -> Pattern:
    """The known pattern whose example the names resemble most, digits being alike."""

    def shape(name: str) -> str:
        return re.sub(r"\d", "0", re.sub(_GUID, "", name, flags=re.IGNORECASE).lower())

    def likeness(pattern: Pattern) -> float:
        example = shape(pattern.example)
        return max(difflib.SequenceMatcher(None, example, shape(n), autojunk=False).ratio() for n in names)

    names = list(names)
    return max(PATTERNS.values(), key=likeness)
