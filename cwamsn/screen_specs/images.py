"""Where a load_data table says that images are."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from cwamsn.errors import InputError
from cwamsn.screen_specs.locations import join, local_path
from cwamsn.screen_specs.path_map import WINDOWS, joined, local_target, map_path
from cwamsn.screen_specs.selection import DEPTHS, split_selection
from cwamsn.screen_specs.text import NOTHING

SCHEMES = ("https://", "http://", "s3://", "gs://", "file://")
# Where the public objects of a store are, and what in the environment names another store in its place.
_STORES = {
    "s3": ("https://{bucket}.s3.amazonaws.com", ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "FSSPEC_S3_ENDPOINT_URL")),
    "gs": ("https://storage.googleapis.com/{bucket}", ("STORAGE_EMULATOR_HOST", "FSSPEC_GS_ENDPOINT_URL")),
}
_SCHEME = re.compile(r"(file|[a-z][a-z0-9+.-]+(?=://)):/", re.IGNORECASE)
_PLAIN = re.compile(r"[\w#%+ -]+\.\w+")  # a file name that is looked for as it stands


def known_location(text: str, label: str) -> str:
    """A location as :func:`cwamsn.screens.hosts.fetch` takes it.

    `s3://bucket/key` and `gs://bucket/key` become HTTPS (unless the environment names a store of the user's own, whose
    keys are then quoted like URLs), `file:/x` becomes `file:///x`, `~` the home folder; paths and other URLs stay.
    InputError, beginning with `label`, for a scheme that is not known.
    """
    scheme = _SCHEME.match(text)
    if not scheme or WINDOWS.match(text):
        return str(Path(text).expanduser()) if text.startswith("~/") else text
    name, rest = scheme[1].lower(), text[scheme.end() :]
    if f"{name}://" not in SCHEMES:
        raise InputError(f"{label}: {text}: {name}:// is not known; use {', '.join(SCHEMES)} or a path")
    if name in _STORES:
        bucket, _, key = rest.removeprefix("/").partition("/")
        public, own = _STORES[name]
        return join(f"{name}://{bucket}" if any(map(os.environ.get, own)) else public.format(bucket=bucket), key)
    return f"{name}:/{rest}" if rest.startswith("/") else f"{name}:///{rest}"


def image_locations(
    file_name: str, folder: str, base: str, label: str, path_map: Mapping[str, str] | None = None
) -> list[str]:
    """Where an image may be, in the order to try: below `folder` (itself below `base` unless absolute), or a URL.

    A path that begins with a key of `path_map` is looked for at the place that the key stands for.

    A file name is a name: below a URL its `#`, `?` and `%` are quoted. One that the user has quoted already is tried as
    it stands. [] where no file is named.
    """
    file_name, folder = file_name.strip(), folder.strip()
    if file_name.casefold() in NOTHING:
        return []
    if mapped := map_path(joined(file_name, folder), path_map):
        if not _SCHEME.match(mapped.target) or mapped.target.startswith("file:"):
            return [local_target(mapped)]
        if not mapped.rest:
            return [known_location(mapped.target, "path_map")]
        file_name, folder = mapped.rest, mapped.target
    if _SCHEME.match(file_name) and not WINDOWS.match(file_name):
        found = known_location(file_name, label)
        return [found if local_path(found) else found.replace("#", "%23")]
    if WINDOWS.match(folder) or WINDOWS.match(file_name):
        return [folder.rstrip("\\/") + "\\" + file_name if folder else file_name]
    if folder[:5].lower() in ("s3://", "gs://"):
        return [known_location(f"{folder.rstrip('/')}/{file_name}", label)]
    where = known_location(folder, label) if folder else ""
    if where.startswith("file://"):
        literal = where.removeprefix("file://localhost").removeprefix("file://")
        return list(dict.fromkeys(f"{path.rstrip('/')}/{file_name}" for path in (unquote(literal), literal)))
    if "://" in where:
        below = where.rstrip("/").replace("#", "%23") + "/"
        quoted = below + quote(file_name)
        return [quoted, below + file_name] if re.search("%[0-9A-Fa-f]{2}", file_name) else [quoted]
    whole = f"{where.rstrip('/')}/{file_name}" if where else file_name
    base = known_location(base, label)
    if Path(whole).is_absolute() or not base:
        return [whole]
    if (path := local_path(base)) is not None:
        return [str(path / whole)]
    return [join(base, whole)]


def local_images(
    file_names: list[str], folders: list[str], base: str, label: str, path_map: Mapping[str, str] | None = None
) -> list[str]:
    """The first place of each image that may be on this machine, as a path; images on hosts are left out."""
    found = []
    heads: dict[str, str | None] = {}
    if any(DEPTHS in name for name in file_names):
        pairs = [(part, folder) for name, folder in zip(file_names, folders) for part in name.split(DEPTHS)]
        file_names, folders = [part for part, _ in pairs], [folder for _, folder in pairs]
    for name, folder in zip(file_names, folders):
        if "!" in name:
            name, _ = split_selection(name)
        if path_map or not _PLAIN.fullmatch(name):
            found += [str(p) for p in map(local_path, image_locations(name, folder, base, label, path_map)[:1]) if p]
            continue
        if folder not in heads:
            path = local_path(image_locations("x.tif", folder, base, label)[0])
            heads[folder] = None if path is None else str(path).removesuffix("x.tif")
        if heads[folder] is not None:
            found.append(f"{heads[folder]}{name}")
    return found


def suffix_of(location: str) -> str:
    """`.tif` of a path or URL."""
    path = location if local_path(location) else unquote(urlsplit(location).path)
    return Path(path).suffix
