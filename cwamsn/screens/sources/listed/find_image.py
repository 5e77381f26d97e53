"""The image of one plane on its host or in the user's folders, or why it is not there."""

import unicodedata
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from cwamsn.screen_specs.base import Retry
from cwamsn.screen_specs.locations import Remote, local_path
from cwamsn.screen_specs.path_map import WINDOWS
from cwamsn.screens.hosts.cache import Fetched, fetch
from cwamsn.screens.hosts.http import Missing


def find_image(
    locations: list[str], cache: Path, how: Retry, get: Callable[[Remote, Path, Retry], Fetched] = fetch
) -> tuple[Fetched | None, str]:
    """(the image, '') from the first location that has it, else (None, why there is none, with the place looked at).

    get : how an image is had, :func:`cwamsn.screens.hosts.fetch` or :meth:`Raw.get` of a unit.
    """
    if not locations:
        return None, "no file is named"
    for location in locations:
        try:
            return get(Remote(location), cache, how), ""
        except Missing as error:
            answer = str(error).removeprefix(f"{location}: ").partition(";")[0]
        except OSError as error:  # a file that may not be read, a name too long
            answer = error.strerror or str(error)
    path = local_path(locations[0])
    return None, f"looked for {path or locations[0]} ({_why(path) if path else answer})"


def _why(path: Path) -> str:
    text = str(path)
    if WINDOWS.search(text) or "\\" in text:
        return "which looks like a Windows path; map its beginning to a place of this machine with path_map"
    try:
        if path.exists():
            return "which may not be read" if path.is_file() else "which is not a file"
        lost = next((p for p in reversed(path.parents) if not p.exists()), None)
        if lost is not None:
            return f"the folder {lost} is not there"
        close = _names(path.parent).get(_plain(path.name))
    except OSError as error:
        return error.strerror or str(error)
    if close is None:
        return "no such file in that folder"
    same = unicodedata.normalize("NFC", close) == unicodedata.normalize("NFC", path.name)
    return f"the folder has {close}, which differs in {'its Unicode form' if same else 'case'}"


@lru_cache(maxsize=16)
def _names(folder: Path) -> dict[str, str]:
    return {_plain(p.name): p.name for p in folder.iterdir()}


def _plain(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()
