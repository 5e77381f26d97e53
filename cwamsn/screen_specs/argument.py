"""The screen that a command line or a notebook means by one argument, without a configuration."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cwamsn.config import load_schema, resolve
from cwamsn.errors import InputError, nearest
from cwamsn.notes import note
from cwamsn.screen_specs import SPECS, FolderSpec, LoadDataSpec, RxRx3Spec, SampleSheetSpec, ScreenSpec, parse_spec
from cwamsn.screen_specs.chosen_stains import Channels, as_mapping, in_order
from cwamsn.screen_specs.configured import ConfiguredScreen, configured_screen
from cwamsn.screen_specs.folders import look_again
from cwamsn.screen_specs.jump_lite import JumpLiteSpec, is_jump_lite
from cwamsn.screen_specs.load_data import image_channels, is_no_stain
from cwamsn.screen_specs.locations import local_path
from cwamsn.screen_specs.platemap_columns import guessed_columns
from cwamsn.screen_specs.sheet_columns import is_sheet, sheet_columns, sheet_words
from cwamsn.screen_specs.text import read_rows
from cwamsn.screen_specs.zarr_stores import OmeZarrSpec

__all__ = ["screen_from_argument"]
_LICENCE = "accept_noncommercial_licence"  # a key of the run
_SCHEMAS = Path(__file__).resolve().parents[2] / "config" / "schemas"
_NAME_ONE = "a load_data.csv, a sample sheet, a folder of images, an OME-Zarr plate or a configuration (my.yaml)"
_TABLES = (".csv", ".csv.gz", ".tsv", ".txt")


def screen_from_argument(
    argument: str | Path,
    *,
    platemap: str | Path | None = None,
    pattern: str | None = None,
    channels: Channels | None = None,
    **keys: Any,
) -> ScreenSpec:
    """The options of the screen that `argument` names.

    Parameters
    ----------
    argument : a load_data.csv or a sample sheet with one row per image (path or URL); a folder of images; an OME-Zarr
        plate, a folder of them, or JUMP-Lite; or a configuration file, whose only screen is meant, or `my.yaml:screen`.
    platemap : path or URL of the plate map; None: wells without perturbation, unless `argument` names one.
    pattern : how file names are built, for a folder of images; None: a known pattern is looked for.
    channels : stains to use; a mapping gives each stain the word that stands for it in the list or in file names. Of a
        folder or an OME-Zarr plate, a list names the stains in the order of the words (ch1, ch2, ...) or channels.
        None: all that there are.
    keys : further keys of the screen, as in the configuration.

    Raises
    ------
    InputError
        For an argument that is none of these, and a key that such a screen does not have.
    """
    text = str(argument)
    if given := configured_screen(text, _NAME_ONE):
        if channels is not None:
            keys["channels"] = as_mapping(channels)
        if pattern is not None:
            keys["pattern"] = pattern
        return _from_configuration(given, _with_platemap(keys, platemap))
    keys = _with_platemap(keys, platemap)
    path = local_path(text)
    if path is not None and not path.exists():
        raise InputError(f"{text}: no such file or folder; name {_NAME_ONE}")
    if _is_zarr(text, path):
        return _from_zarr(text, keys, channels)
    if path is not None and path.is_dir():
        return _from_folder(text, pattern, keys, channels)
    if not text.lower().endswith(_TABLES):
        raise InputError(f"{text}: is no screen; name {_NAME_ONE}")
    if pattern is not None:
        raise InputError(f"{text}: is a table, which needs no pattern of file names; leave the pattern out")
    return _from_table(text, path, keys, channels)


def _with_platemap(keys: dict[str, object], platemap: str | Path | None) -> dict[str, object]:
    return keys if platemap is None else {**keys, "platemap": str(platemap)}


def _is_zarr(text: str, path: Path | None) -> bool:
    """Whether a location is a Zarr store, or a folder of stores on this machine."""
    if text.rstrip("/").lower().endswith(".zarr"):
        return True
    if path is None or not path.is_dir():
        return False
    inside = ("zarr.json", ".zattrs", ".zgroup")
    return any((path / f).exists() for f in inside) or any(path.glob("*.zarr"))


def _from_zarr(location: str, keys: Mapping[str, object], channels: Channels | None) -> ScreenSpec:
    """JUMP-Lite where arrays are called as there, else plates of OME-Zarr."""
    path = local_path(location)
    lite = keys.get("source") == JumpLiteSpec.source or (path is not None and is_jump_lite(path))
    section = {"source": JumpLiteSpec.source if lite else OmeZarrSpec.source, "store": location, **keys}
    if channels is not None and isinstance(channels, Mapping):
        section["channels"] = {stain: _number_or_label(word) for stain, word in channels.items()}
    elif channels is not None and lite:
        known = JumpLiteSpec(store=location).channels
        unknown = next((name for name in channels if name not in known), None)
        if unknown is not None:
            raise InputError(f"channels: {unknown}: JUMP-Lite has {', '.join(known)}; name those, or write {unknown}=1")
        section["channels"] = {name: known[name] for name in as_mapping(channels)}
    elif channels is not None:
        section["channels"] = _channels_in_order(channels, OmeZarrSpec(store=location).labels(), location)
    return checked_spec(section | _columns_of(section), location)


def _channels_in_order(names: Sequence[str], labels: tuple[str, ...] | None, location: str) -> Mapping[str, object]:
    """Stain → its channel: of that label, else in the order of the labels, else of the channels that have none."""
    plain = as_mapping(names)
    if labels == ():
        return {name: number for number, name in enumerate(plain)}
    folded = {label.casefold() for label in labels or ()}
    if labels is None or all(name.casefold() in folded for name in plain):
        return plain
    return in_order(names, labels, location)


def _number_or_label(word: object) -> object:
    """A channel's number where it is written as one."""
    return int(word) if isinstance(word, str) and word.isascii() and word.isdigit() else word


def _from_folder(
    location: str, pattern: str | None, keys: Mapping[str, object], channels: Channels | None
) -> ScreenSpec:
    section = {"source": FolderSpec.source, "folder": location, "pattern": pattern, **keys}
    looked = look_again(Path(location), pattern)
    if channels is not None:
        section["channels"] = in_order(channels, looked.channels(), location)
    if looked.unmatched:
        note(
            f"{location}: {len(looked.unmatched)} image files do not match the pattern {looked.pattern.name} and are "
            f"left out, such as {looked.unmatched[0]}"
        )
    return checked_spec(section | _columns_of(section), location)


def _from_table(location: str, path: Path | None, keys: Mapping[str, object], channels: Channels | None) -> ScreenSpec:
    """A load_data.csv has a column per stain, a sample sheet a row per image."""
    columns = read_rows(path, location, str(keys.get("separator", ","))).columns if path else []
    if keys.get("source") == SampleSheetSpec.source or (columns and is_sheet(columns)):
        return _from_sheet(location, path, columns, keys, channels)
    section = {"source": LoadDataSpec.source, "load_data": location, **keys}
    known = image_channels(columns)
    if channels is not None:
        section["channels"] = as_mapping(channels)
    elif path is None:
        raise InputError(f"{location}: channels: name the stains of a list that is not on this machine")
    elif not known:
        raise InputError(
            f"{location}: has no image column; a load_data.csv has FileName_OrigDNA or URL_OrigDNA (one per stain), a "
            "sample sheet plate, well, site, channel, path"
        )
    else:
        section["channels"] = {name: name for name in known}
    return checked_spec(section | _columns_of(section), location)


def _from_sheet(
    location: str, path: Path | None, columns: list[str], keys: Mapping[str, object], channels: Channels | None
) -> ScreenSpec:
    section = {"source": SampleSheetSpec.source, "sheet": location, **keys}
    if path is not None:
        section |= sheet_columns(columns, section, location)
        words = sheet_words(path, section)
        if channels is None:
            section["channels"] = {word: word for word in words if not is_no_stain(word)}
    if channels is not None:
        section["channels"] = as_mapping(channels)
    return checked_spec(section | _columns_of(section), location)


def _columns_of(section: Mapping[str, Any]) -> dict[str, object]:
    """Keys for the columns of a local plate map that has other names than the usual ones."""
    path = local_path(section["platemap"]) if section.get("platemap") else None
    if path is None or not path.is_file():
        return {}
    return guessed_columns(path, section.get("platemap_separator", ","), section)


def _from_configuration(given: ConfiguredScreen, keys: Mapping[str, object]) -> ScreenSpec:
    section = {**given.section, **keys}
    if section.get("source") == RxRx3Spec.source:
        section[_LICENCE] = bool(given.config.get(_LICENCE, False))
    return checked_spec(section, f"{given.path}: screens.{given.name}")


def checked_spec(section: Mapping[str, Any], label: str) -> ScreenSpec:
    """The options of a screen from its section. InputError, beginning with `label`, for a key that it does not have."""
    source = section.get("source")
    if source not in SPECS:
        raise InputError(f"{label}: source: {source!r} is not known; {nearest(source, SPECS)}")
    known = [f.name for f in dataclasses.fields(SPECS[source])]
    unknown = next((key for key in section if key not in ("source", *known)), None)
    if unknown is not None:
        raise InputError(f"{label}: {unknown}: unknown key; {nearest(unknown, known)}")
    if _SCHEMAS.is_dir():  # a checkout; an installed package has the keys alone
        plain = {key: value for key, value in section.items() if key != _LICENCE}
        try:
            resolve({"screens": {"screen": plain}}, load_schema(_SCHEMAS))
        except InputError as error:
            raise InputError(f"{label}: {str(error).removeprefix('screens.screen.')}") from None
    return parse_spec(section)
