"""Paths that were written on another machine: `path_map` exchanges the beginning of each for a place of this one."""

import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

from cwamsn.errors import InputError

WINDOWS = re.compile(r"(file:/+)?[A-Za-z]:[\\/]|\\\\")
_FILE = re.compile(r"file:(//localhost(?=/)|//(?=/))?", re.IGNORECASE)


class Mapped(NamedTuple):
    """A path that `path_map` names: the entry's key and value, and the rest of the path with `/` between its names."""

    key: str
    target: str
    rest: str


def map_path(path: str, path_map: Mapping[str, str] | None) -> Mapped | None:
    """The longest entry of `path_map` that `path` begins with, whole names only; None where there is none.

    A Windows path (`D:\\data`, `\\\\server\\share`, `file:///D:/data`) is compared without regard to case and to the
    kind of slash, any other as it stands. `file:/data` and `/data` are one place.
    """
    if not path_map:
        return None
    text = _plain(path)
    folded = text.casefold()
    for key, start, windows in _keys(tuple(path_map)):
        known = folded if windows else text
        if known.startswith(start) and (start.endswith("/") or known[len(start) :][:1] in ("", "/")):
            return Mapped(key, path_map[key], text[len(start) :].lstrip("/"))
    return None


@lru_cache(maxsize=64)
def _keys(keys: tuple[str, ...]) -> list[tuple[str, str, bool]]:
    """(key, the beginning it stands for, whether that is a Windows path), the longest first."""
    found: dict[str, tuple[str, str, bool]] = {}
    for key in keys:
        windows = _is_windows(key)
        start = _plain(key).rstrip("/") or "/"
        if not key.strip():
            raise InputError("path_map: a key is empty; write the beginning of the paths to map")
        start = start.casefold() if windows else start
        if start in found:
            raise InputError(f"path_map: {found[start][0]} and {key} are one place; keep one")
        found[start] = (key, start, windows)
    return sorted(found.values(), key=lambda entry: -len(entry[1]))


def _plain(path: str) -> str:
    """A path without `file:`; a Windows path with `/` between its names."""
    text = path.strip()
    if scheme := _FILE.match(text):
        text = unquote(text[scheme.end() :])
        text = text.lstrip("/") if WINDOWS.match(text.lstrip("/")) else text
    return text.replace("\\", "/") if _is_windows(text) else text


def _is_windows(path: str) -> bool:
    return WINDOWS.match(path) is not None or re.fullmatch(r"[A-Za-z]:", path) is not None


def joined(file_name: str, folder: str) -> str:
    """`folder/file_name`, or the file name alone where it is a whole path or URL itself."""
    if not folder or file_name.startswith("/") or WINDOWS.match(file_name) or re.match(r"[A-Za-z]+:/", file_name):
        return file_name
    slash = "\\" if _is_windows(folder) else "/"
    return folder.rstrip("/\\") + slash + file_name


def local_target(mapped: Mapped) -> str:
    """Where a mapped path is on this machine; a relative target starts from the working directory."""
    target = unquote(_FILE.sub("", mapped.target)) if _FILE.match(mapped.target) else mapped.target
    return str(Path(target).expanduser() / mapped.rest)
