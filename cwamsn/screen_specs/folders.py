"""A folder of images whose file names say what they show: which plate, well, site, stain and depth each file is."""

import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath

from cwamsn.errors import InputError
from cwamsn.screen_specs.patterns import SUFFIXES, Pattern, guess, nearest_pattern, pattern_of

_NOT_PLATES = ("@eadir", "__macosx", "thumbs", "thumbnails")
_MEASUREMENT = re.compile(r"__\d{4}-\d{2}-\d{2}T.*")  # Harmony: BR00117035__2021-05-02T16_02_51-Measurement1


@dataclass(frozen=True)
class FolderImage:
    """One image file."""

    path: str
    """Below the folder, with `/`."""
    plate: str
    well: str
    site: int
    channel: str
    z: int
    time: int


@dataclass(frozen=True)
class FolderImages:
    """What a folder holds."""

    folder: Path
    pattern: Pattern
    images: list[FolderImage]
    thumbnails: int
    """Files whose name has `_thumb`, which are left out."""
    unmatched: list[str] = field(default_factory=list)
    """Image files whose names the pattern does not match, which are left out."""

    @cached_property
    def of_plates(self) -> dict[str, list[FolderImage]]:
        """Images by barcode."""
        found: dict[str, list[FolderImage]] = defaultdict(list)
        for image in self.images:
            found[image.plate].append(image)
        return dict(found)

    def plates(self) -> list[str]:
        """Barcodes, sorted."""
        return sorted(self.of_plates)

    def channels(self) -> list[str]:
        """Words that stand for the stains, in the order of their numbers."""
        return sorted({image.channel for image in self.images}, key=_natural)


_LOOKED: dict[tuple[str, str | None], tuple[dict[str, int], FolderImages]] = {}


def look_again(folder: Path, pattern: str | None) -> FolderImages:
    """:func:`look_into`, without reading the names again while no folder has changed (by the time of its change)."""
    key = (str(folder.resolve()), pattern)
    times, known = _LOOKED.get(key, ({}, None))
    if known is None or _times(times) != times:
        known = look_into(folder, pattern)
        parents = {i.path.rpartition("/")[0] for i in known.images}
        inside = {str(folder.resolve()), *(str((folder / parent).resolve()) for parent in parents)}
        above = {str(p) for f in inside for p in Path(f).parents if p.is_relative_to(folder.resolve())}
        _LOOKED[key] = (_times(inside | above), known)
    return known


def _times(folders: Iterable[str]) -> dict[str, int]:
    return {f: Path(f).stat().st_mtime_ns if Path(f).exists() else -1 for f in folders}


def look_into(folder: Path, pattern: str | None) -> FolderImages:
    """Read the names of all image files below `folder`.

    pattern : name of a known pattern, a regular expression, or None for the known one that most names match.
    Raises InputError for a folder without images, and where no name matches: with three names and the nearest pattern.
    """
    wanted = None if pattern is None else pattern_of(pattern)
    if not folder.is_dir():
        raise InputError(f"{folder}: is no folder; name the folder with the images")
    paths = _files(folder)
    names = [path for path in paths if path.lower().endswith(SUFFIXES)]
    if not names:
        kinds = Counter(PurePosixPath(path).suffix or path for path in paths).most_common(3)
        has = ", ".join(f"{count} {kind}" for kind, count in kinds) or "nothing"
        if any(".zarr/" in f"{folder.name}/{path}" for path in paths):
            raise InputError(f"{folder}: holds OME-Zarr, which needs no list; cwamsn check {folder}")
        raise InputError(f"{folder}: has no image file ({', '.join(SUFFIXES)}); it has {has}")
    kept = [path for path in names if "_thumb" not in path.rpartition("/")[2].lower()]
    found = wanted or guess(path.rpartition("/")[2] for path in kept)
    matches = {} if found is None else {path: match for path in kept if (match := _match(found, path))}
    if found is None or not matches:
        raise InputError(_none_matches(folder, kept or names, wanted))
    plates = _plates(folder, found, matches)
    images = [_image(found, path, match, plates[path], folder) for path, match in matches.items()]
    unmatched = [path for path in kept if path not in matches]
    return FolderImages(folder, found, images, len(names) - len(kept), unmatched)


def _none_matches(folder: Path, names: list[str], wanted: Pattern | None) -> str:
    shown = [path.rpartition("/")[2] for path in names[:: max(1, len(names) // 3)][:3]]
    near = nearest_pattern(shown)
    what = "a known pattern" if wanted is None else f"the pattern {wanted.name}"
    if wanted is not None and wanted.whole_path:
        shown = names[:3]
    other = guess(path.rpartition("/")[2] for path in names) if wanted is not None else None
    advice = (
        f"they match {other.name}: set pattern: {other.name}"
        if other
        else f"nearest: {near.name} ({near.example}); set pattern to a regular expression with the groups well (or "
        "row, column), site and channel"
    )
    return f"{folder}: none of {len(names)} image files matches {what}, such as {', '.join(shown)}; {advice}"


def _files(folder: Path) -> list[str]:
    """Paths of the files below `folder`, sorted, with `/`; hidden ones and those that systems add are left out."""
    found: list[str] = []
    seen: set[str] = set()
    for root, folders, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(root)
        if real in seen:  # a link to a folder above
            folders.clear()
            continue
        seen.add(real)
        folders[:] = [f for f in folders if not f.startswith(".") and f.lower() not in _NOT_PLATES]
        below = PurePosixPath(Path(root).relative_to(folder).as_posix())
        found += [str(below / name) for name in files if not name.startswith(".")]
    return sorted(found)


def _match(pattern: Pattern, path: str) -> re.Match[str] | None:
    return pattern.regex.fullmatch(path if pattern.whole_path else path.rpartition("/")[2])


def _plates(folder: Path, pattern: Pattern, matches: dict[str, re.Match[str]]) -> dict[str, str]:
    """Barcode of each file: the group `plate`, else the folder that it lies in; the prefix where a folder has several.

    Of folders within folders the first level that alone tells the plates apart is taken, else all of them.
    """
    if "plate" in pattern.regex.groupindex:
        return {path: match["plate"] or "" for path, match in matches.items()}
    levels = {path: _folders(pattern, path) for path in matches}
    label = _labels(folder, pattern, set(levels.values()))
    prefixes = {path: match.groupdict().get("prefix") or "" for path, match in matches.items()}
    of_folder: dict[str, set[str]] = defaultdict(set)
    for path in matches:
        of_folder[label[levels[path]]].add(prefixes[path])
    if all(len(found) == 1 for found in of_folder.values()):
        return {path: label[levels[path]] for path in matches}
    everywhere = Counter(prefix for found in of_folder.values() for prefix in found)
    if max(everywhere.values()) == 1:
        return prefixes
    return {path: f"{label[levels[path]]}_{prefixes[path]}" for path in matches}


def _folders(pattern: Pattern, path: str) -> tuple[str, ...]:
    return tuple(part for part in path.split("/")[:-1] if not pattern.housekeeping.fullmatch(part))


def _labels(folder: Path, pattern: Pattern, levels: set[tuple[str, ...]]) -> dict[tuple[str, ...], str]:
    """Name of the plate of each folder of images."""
    if len(levels) == 1:
        only = next(iter(levels))
        above = [p for p in folder.resolve().parts if not pattern.housekeeping.fullmatch(p)]
        return {only: _plain(only[-1] if only else above[-1])}
    width = max(map(len, levels))
    for depth in range(width):
        names = {found: _plain(found[depth]) for found in levels if len(found) > depth}
        if len(set(names.values())) == len(levels):
            return names
    return {found: "_".join(map(_plain, found)) or _plain(folder.resolve().name) for found in levels}


def _plain(name: str) -> str:
    """A plate's folder without the time of its measurement."""
    return _MEASUREMENT.sub("", name) or name


def _image(pattern: Pattern, path: str, match: re.Match[str], plate: str, folder: Path) -> FolderImage:
    groups = {key: value for key, value in match.groupdict().items() if value is not None}
    for part in path.split("/")[:-1]:
        if found := pattern.housekeeping.fullmatch(part):
            groups |= {key: value for key, value in found.groupdict().items() if value is not None}
    well = groups.get("well") or _address(groups.get("row", ""), groups.get("column", groups.get("col", "")))
    numbers = {}
    for key, otherwise in (("site", 1), ("z", 0), ("time", 0)):
        text = groups.get(key, str(otherwise))
        if not text.lstrip("+").isdigit():
            raise InputError(f"{folder / path}: {text!r} is not the number of a {key}; correct the group {key}")
        numbers[key] = int(text)
    return FolderImage(path, plate, well, channel=groups.get("channel", ""), **numbers)


def _address(row: str, column: str) -> str:
    """`A01` of ('1', '01') or ('A', '1'). A row that is a number counts from 1."""
    if row.isdigit():
        number, letters = int(row), ""
        while number > 0:
            number, rest = divmod(number - 1, 26)
            letters = chr(ord("A") + rest) + letters
        row = letters
    return f"{row}{int(column):02d}" if column.isdigit() else f"{row}{column}"


def _natural(text: str) -> list[tuple[int, int, str]]:
    """Sorts ch2 before ch10."""
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in re.split(r"(\d+)", text) if part]


def one_per_plane(images: list[FolderImage], folder: Path, time: int | None) -> list[FolderImage]:
    """The images of one plate, of one time point; InputError for two files of one plane, and for several times."""
    times = sorted({image.time for image in images})
    if time is None and len(times) > 1:
        shown = ", ".join(map(str, times[:5]))
        raise InputError(f"{folder}: plate {images[0].plate} has {len(times)} time points ({shown}); set time to one")
    if time is not None:
        images = [image for image in images if image.time == time]
        if not images:
            raise InputError(f"{folder}: has no image of time point {time}; it has {', '.join(map(str, times[:5]))}")
    seen: dict[tuple[str, str, int, str, int], FolderImage] = {}
    for image in images:
        key = (image.plate, image.well, image.site, image.channel, image.z)
        other = seen.setdefault(key, image)
        if other is not image:
            raise InputError(
                f"{folder}: two files are plate {image.plate}, well {image.well}, site {image.site}, channel "
                f"{image.channel}: {other.path} and {image.path}; take one away, or tell them apart by pattern"
            )
    return sorted(images, key=lambda i: (i.well, i.site, _natural(i.channel), i.z))
