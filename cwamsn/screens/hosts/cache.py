"""Fetching that survives: resume, retries with back-off, lengths and digests, whole files only.

A location is an HTTPS (or HTTP) URL, an object of a bucket, a `file://` URL or a plain path. A local file is used where
it lies. A remote one goes to `cache`, a folder that no rule declares as output (Snakemake deletes the outputs of failed
jobs): first as `<key>.partial`, and under its final name only when it is whole. The key is a digest of the URL and of
the expected digest, so that a changed file is another entry.

A file is whole when its length is the one that the host, its listing or the answer's framing tells, and its digest the
one expected, where one is known. Bytes of two answers are joined only where an ETag or a digest ties them together.
"""

import hashlib
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from cwamsn.errors import FetchError, InputError
from cwamsn.files import locked, sha256, unique_token
from cwamsn.screen_specs.base import Retry
from cwamsn.screen_specs.locations import Remote, local_path
from cwamsn.screens.hosts.download import md5, read_note, state_path, write_note
from cwamsn.screens.hosts.http import Missing, check_url
from cwamsn.screens.hosts.object_stores import bring, stored

_PATIENT = Retry()


@dataclass
class Fetched:
    """A whole file on this machine: of the length, and the digest where one is known, that it should have."""

    path: Path
    url: str
    size: int
    digest: str
    local: bool = False

    def entry(self, name: str | None = None) -> dict[str, object]:
        """The file's row of a manifest or of source.json."""
        return {"name": name or self.path.name, "size": self.size, "digest": self.digest, "source": self.url}


def fetch(remote: Remote | str, cache: str | Path, how: Retry = _PATIENT, *, hashed: bool = True) -> Fetched:
    """Return `remote` as a whole, verified local file; a second call finds it in `cache`.

    Parameters
    ----------
    remote : URL, `file://` URL or path, with size and digest where they are known.
    cache : folder in which remote files are kept.
    how : patience with the host.
    hashed : whether the digest of a local file is wanted where none is expected; else it is '', the file not read.

    Raises
    ------
    Missing
        When the host has no such file.
    Forbidden
        When the file may not be read.
    FetchError
        When it cannot be fetched whole for another reason. All messages name the URL.
    """
    remote = Remote(remote) if isinstance(remote, str) else remote
    path = local_path(remote.url)
    if path is not None:
        return _local(remote, path, hashed or bool(remote.digest))
    if stored(remote.url) is None:
        check_url(remote.url)
    final = cached_path(remote, cache)
    record = final.with_name(final.name + ".json")
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        with locked(final.with_name(final.name + ".lock")) as alone:
            known = read_note(record)
            good = remote.size in (None, known.get("size")) and final.exists()
            if good and known.get("digest") == f"sha256:{sha256(final)}":
                return Fetched(final, remote.url, final.stat().st_size, known["digest"])
            with _partial(final, alone) as partial:
                size, digest = bring(remote, partial, final, how)
            write_note({"url": remote.url, "size": size, "digest": digest}, record)
    except OSError as error:  # a full disk, a folder that may not be written
        raise FetchError(f"{remote.url}: cannot be kept in {final.parent} ({error.strerror or error})") from None
    return Fetched(final, remote.url, size, digest)


@contextmanager
def _partial(final: Path, alone: bool) -> Iterator[Path]:
    """Where the bytes arrive. Without a lock it is this process's own, since two that write one file would mix them."""
    if alone:
        yield final.with_name(final.name + ".partial")
        return
    own = final.with_name(f"{final.name}.{unique_token()}.partial")
    try:
        yield own
    finally:
        own.unlink(missing_ok=True)
        state_path(own).unlink(missing_ok=True)


def glance(remote: Remote | str) -> Fetched:
    """What :func:`fetch` would return, without reading a byte: of a local file that it is there, and its size.

    A remote file is taken for granted: its `path` is not there and its size is 0 unless `remote` tells it.

    Raises
    ------
    Missing
        For a local file that is not there.
    """
    remote = Remote(remote) if isinstance(remote, str) else remote
    path = local_path(remote.url)
    if path is None:
        if stored(remote.url) is None:
            check_url(remote.url)
        return Fetched(Path(remote.url), remote.url, remote.size or 0, "")
    try:
        found = os.stat(path)  # noqa: PTH116 - a check asks for every image of a screen
    except (FileNotFoundError, NotADirectoryError, ValueError):
        found = None
    if found is None or not stat.S_ISREG(found.st_mode):
        raise Missing(f"{path}: no such file; check the path or the base URL of the screen")
    return Fetched(path, remote.url, found.st_size, "", local=True)


def cached_path(remote: Remote, cache: str | Path) -> Path:
    """Where `fetch` keeps a remote file: two levels, named by the digest of URL and expected digest."""
    key = hashlib.sha256(f"{remote.url} {remote.digest or ''}".encode()).hexdigest()[:24]
    name = re.sub(r"[^A-Za-z0-9_.-]", "_", unquote(urlsplit(remote.url).path.rsplit("/", 1)[-1]))[-80:]
    return Path(cache) / key[:2] / f"{key}-{name}"


@contextmanager
def usable(fetched: Fetched) -> Iterator[None]:
    """Remove a file from the cache if the block finds it unusable (InputError), so that the next run asks again.

    A host's maintenance page is a whole file too, and would otherwise stay in the cache for ever.
    """
    try:
        yield
    except InputError:
        if not fetched.local:
            fetched.path.unlink(missing_ok=True)
        raise


def forget(fetched: Fetched, cache: str | Path) -> None:
    """Remove a file of the cache (never a local host's file) that is no longer needed."""
    if not fetched.local and Path(cache).resolve() in fetched.path.resolve().parents:
        fetched.path.unlink(missing_ok=True)
        fetched.path.with_name(fetched.path.name + ".json").unlink(missing_ok=True)


def _local(remote: Remote, path: Path, wanted: bool) -> Fetched:
    if not path.is_file():
        raise Missing(f"{path}: no such file; check the path or the base URL of the screen")
    size, digest = path.stat().st_size, f"sha256:{sha256(path)}" if wanted else ""
    if remote.size not in (None, size):
        raise FetchError(f"{path}: has {size} bytes, expected {remote.size}; copy it again")
    if remote.digest and remote.digest != (digest if remote.digest.startswith("sha256:") else f"md5:{md5(path)}"):
        raise FetchError(f"{path}: its digest is not {remote.digest}; copy it again")
    return Fetched(path, remote.url, size, digest, local=True)
