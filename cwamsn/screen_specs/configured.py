"""The screen that `my.yaml` or `my.yaml:screen` means."""

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from cwamsn.config import merge
from cwamsn.config_files import check_text, read_layers
from cwamsn.errors import InputError, nearest

_ARGUMENT = re.compile(r"(?P<path>.+\.ya?ml)(:(?P<screen>[^/\\:]+))?")


@dataclass(frozen=True)
class ConfiguredScreen:
    """A screen of a configuration file: its name and its keys, and the whole configuration."""

    path: Path
    name: str
    section: Mapping[str, Any]
    config: Mapping[str, Any]


def configured_screen(argument: str | Path, instead: str = "a configuration") -> ConfiguredScreen | None:
    """The named screen, or the only one that is used, of a configuration file and those that it extends.

    None where `argument` names no configuration; `instead` is what a message asks for where the file does not exist.
    """
    found = _ARGUMENT.fullmatch(str(argument))
    if not found:
        return None
    path, name = Path(found["path"]), found["screen"]
    if not path.is_file():
        raise InputError(f"{path}: no such file; name {instead}")
    check_text(path)
    config: Mapping[str, Any] = functools.reduce(merge, read_layers([path], _load_yaml))
    screens = config.get("screens") or {}
    if not isinstance(screens, Mapping):
        raise InputError(f"{path}: screens: expected names of screens below it, found {screens!r}")
    choice = list(screens)
    if len(choice) > 1:  # a run's own screen, beside those of a file that it extends
        choice = [s for s in config.get("evaluate") or () if s in screens]
    if name is None and len(choice) != 1:
        have = ", ".join(screens)
        raise InputError(f"{path}: has {len(screens)} screens ({have or 'none'}); name one: {path}:SCREEN")
    name = name or choice[0]
    if name not in screens:
        raise InputError(f"{path}: no screen is called {name!r}; {nearest(name, screens)}")
    if not isinstance(screens[name], Mapping):
        raise InputError(f"{path}: screens.{name}: expected keys below it, found {screens[name]!r}")
    return ConfiguredScreen(path, name, screens[name], config)


def _load_yaml(path: str) -> Mapping[str, Any]:
    content = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    if content is not None and not isinstance(content, Mapping):
        raise InputError("expected keys, found something else")
    return content or {}
