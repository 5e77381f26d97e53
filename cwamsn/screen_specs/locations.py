"""Where a file is: a URL, a `file://` URL or a plain path, and how these are joined and shown."""

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote


@dataclass(frozen=True)
class Remote:
    """A file on a host: where it is and, where known beforehand, its bytes and `sha256:...` or `md5:...`."""

    url: str
    size: int | None = None
    digest: str | None = None


def local_path(location: str | Path) -> Path | None:
    """The path a plain path or a `file://` URL means (relative to the working directory); None for a remote URL."""
    text = str(location)
    if text.startswith("file://"):
        return Path(unquote(text.removeprefix("file://localhost").removeprefix("file://")))
    if re.match(r"[a-z][a-z0-9+.-]*://", text, re.IGNORECASE):
        return None
    return Path(text)


def file_url(path: str | Path) -> str:
    """`file://` URL of a path, kept relative where the path is."""
    return "file://" + quote(str(path))


def join(base: str, *names: str) -> str:
    """`base/name/name`; the names are quoted for a URL (also `file://`) and taken as they are for a plain path."""
    tail = "/".join(name.strip("/") for name in names)
    if "://" in base:
        tail = quote(tail)
    return f"{base.rstrip('/')}/{tail}"


def shown_uri(path: Path) -> str:
    """`path` as a URI of the fields table: relative to the working directory where it lies below it."""
    try:
        return str(path.resolve().relative_to(Path.cwd().resolve())) if path.is_absolute() else str(path)
    except ValueError:
        return str(path)
