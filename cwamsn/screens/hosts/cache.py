"""Fetching that survives: resume, retries with back-off, lengths and digests, whole files only.

A location is an HTTPS (or HTTP) URL, a `file://` URL or a plain path. A local file is used where it lies. A remote one
goes to `cache`, a folder that no rule declares as output (Snakemake deletes the outputs of failed jobs): first as
`<key>.partial`, and under its final name only when it is whole. The key is a digest of the URL and of the expected
digest, so that a changed file is another entry.

A file is whole when its length is the one that the host, its listing or the answer's framing tells, and its digest the
one expected, where one is known. Bytes of two answers are joined only where an ETag or a digest ties them together.
"""

import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from cwamsn.errors import InputError
from cwamsn.files import locked, sha256, unique_token
from cwamsn.screen_specs.locations import Remote, file_url, join, local_path, shown_uri
from cwamsn.screens.hosts.http import (
    Again,
    FetchError,
    Forbidden,
    Missing,
    Policy,
    body,
    check_url,
    encoding,
    has_end,
    integer,
    pause,
    request,
)
from cwamsn.screens.hosts.listing import list_folder

__all__ = [
    "Again",
    "FetchError",
    "Fetched",
    "Forbidden",
    "Missing",
    "Policy",
    "Remote",
    "cached_path",
    "fetch",
    "file_url",
    "forget",
    "join",
    "list_folder",
    "local_path",
    "policy",
    "shown_uri",
    "usable",
]

_PATIENT = Policy()
_UNPACKED = 4 << 30  # bytes that a packed body of unknown length may have


@dataclass
class Fetched:
    """A whole file on this machine: of the length, and the digest where one is known, that it should have."""

    path: Path
    url: str
    size: int
    digest: str
    local: bool = False
    notes: list[str] = field(default_factory=list)

    def entry(self, name: str | None = None) -> dict[str, Any]:
        """The file's row of a manifest or of source.json."""
        return {"name": name or self.path.name, "size": self.size, "digest": self.digest, "source": self.url}


def policy(spec: dict[str, Any]) -> Policy:
    """The :class:`Policy` of a screen's `retry` key."""
    keys = spec.get("retry") or {}
    return Policy(
        attempts=keys.get("attempts", Policy.attempts),
        backoff=keys.get("backoff_s", Policy.backoff),
        timeout=keys.get("timeout_s", Policy.timeout),
        etag_is_md5=keys.get("etag_is_md5", Policy.etag_is_md5),
    )


def fetch(remote: Remote | str, cache: str | Path, how: Policy = _PATIENT) -> Fetched:
    """Return `remote` as a whole, verified local file; a second call finds it in `cache`.

    Raises :class:`Missing` when the host has no such file, :class:`Forbidden` when it may not be read, and otherwise
    :class:`FetchError` when it cannot be had whole, all naming the URL.
    """
    remote = Remote(remote) if isinstance(remote, str) else remote
    path = local_path(remote.url)
    if path is not None:
        return _local(remote, path)
    check_url(remote.url)
    final = cached_path(remote, cache)
    record = final.with_name(final.name + ".json")
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        with locked(final.with_name(final.name + ".lock")) as alone:
            known = _read(record)
            good = remote.size in (None, known.get("size")) and final.exists()
            if good and known.get("digest") == f"sha256:{sha256(final)}":
                return Fetched(final, remote.url, final.stat().st_size, known["digest"])
            with _partial(final, alone) as partial:
                size, digest = _download(remote, partial, final, how)
            _write({"url": remote.url, "size": size, "digest": digest}, record)
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
        _state(own).unlink(missing_ok=True)


def _state(partial: Path) -> Path:
    """The note beside a partial file: what its host said about the whole one."""
    return partial.with_name(partial.name.removesuffix(".partial") + ".state")


def cached_path(remote: Remote, cache: str | Path) -> Path:
    """Where `fetch` keeps a remote file: two levels, named by the digest of URL and expected digest."""
    key = hashlib.sha256(f"{remote.url} {remote.digest or ''}".encode()).hexdigest()[:24]
    name = re.sub(r"[^A-Za-z0-9_.-]", "_", unquote(urlsplit(remote.url).path.rsplit("/", 1)[-1]))[-80:]
    return Path(cache) / key[:2] / f"{key}-{name}"


@contextmanager
def usable(fetched: Fetched) -> Iterator[None]:
    """When the block finds a fetched file to be none of its kind (InputError), the next run asks the host for it again.

    A host's page about maintenance is whole, too, and would else be found in the cache for ever.
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


def _local(remote: Remote, path: Path) -> Fetched:
    if not path.is_file():
        raise Missing(f"{path}: no such file; check the path or the base URL of the screen")
    size, digest = path.stat().st_size, f"sha256:{sha256(path)}"
    if remote.size not in (None, size):
        raise FetchError(f"{path}: has {size} bytes, expected {remote.size}; copy it again")
    if remote.digest and remote.digest != (digest if remote.digest.startswith("sha256:") else f"md5:{_md5(path)}"):
        raise FetchError(f"{path}: its digest is not {remote.digest}; copy it again")
    return Fetched(path, remote.url, size, digest, local=True)


def _md5(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _download(remote: Remote, partial: Path, final: Path, how: Policy) -> tuple[int, str]:
    """Fetch into `final` through its partial file; (size, 'sha256:...')."""
    failures, mismatches, furthest = 0, 0, _size(partial)
    while True:
        try:
            facts = _transfer(remote, partial, how)
        except Again as error:
            if _size(partial) > furthest:
                failures, furthest = 0, _size(partial)
                continue
            failures += 1
            if error.spent(failures, how):
                raise error.final or FetchError(
                    f"{remote.url}: not fetched ({error}); what has arrived is kept, run again to resume"
                ) from None
            pause(failures - 1, error.wait, how)
            continue
        fault = _fault(partial, facts, remote, how)
        if not fault:
            size, digest = _size(partial), f"sha256:{sha256(partial)}"
            partial.replace(final)
            _state(partial).unlink(missing_ok=True)
            return size, digest
        partial.unlink(missing_ok=True)
        mismatches += 1
        if mismatches > 1:
            raise FetchError(f"{remote.url}: not accepted ({fault})")


def _transfer(remote: Remote, partial: Path, how: Policy) -> dict[str, Any]:
    """One request: the facts the host gave about the whole file, whose bytes have arrived. Again when they have not."""
    offset = _size(partial)
    known = _read(_state(partial)) if offset else {}
    if not (known.get("etag") or remote.digest) or known.get("packed"):
        offset = 0  # nothing ties the bytes that are here to the file the host has now
    if offset and offset == known.get("total"):
        return known  # a kill between the last byte and the check
    headers = {"Accept-Encoding": "identity"}
    if offset:
        headers["Range"] = f"bytes={offset}-"
        if known.get("etag"):
            headers["If-Range"] = known["etag"]
    with request(remote.url, headers, how) as answer:
        facts = _facts(answer)
        start = 0
        if answer.status_code != 200:
            start = offset
            try:
                facts["total"] = _rest(answer, offset, known, facts, remote)
            except Again:
                partial.unlink(missing_ok=True)
                raise
        _write(facts, _state(partial))
        with partial.open("r+b" if start else "wb") as handle:
            handle.seek(start)
            handle.truncate()
            _receive(answer, handle, facts["total"] or remote.size)
    if facts["total"] is not None and _size(partial) < facts["total"]:
        raise Again(f"{_size(partial)} of {facts['total']} bytes have arrived")
    return facts


def _rest(answer: Any, offset: int, known: dict[str, Any], facts: dict[str, Any], remote: Remote) -> int:
    """Total bytes of the file of which the answer (206) holds those from `offset`. Again when it is not that rest."""
    if answer.status_code == 416:
        raise Again("the host refused the range")
    found = re.fullmatch(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18}|\*)", answer.headers.get("Content-Range", ""))
    if not found or int(found[1]) != offset or facts["packed"]:
        raise Again("the host answered with another range than asked for")
    etag = facts.get("etag")
    if offset and etag != known.get("etag") and not (remote.digest and etag is None):
        raise Again("the file has changed on its host meanwhile")
    totals = {t for t in (integer(found[3]), known.get("total") if offset else None) if t is not None}
    if len(totals) > 1:
        raise Again("the file has changed its length on its host meanwhile")
    total = totals.pop() if totals else remote.size
    if total is None:
        raise Again("the host sent a part without telling how long the whole is")
    return total


def _receive(answer: Any, handle: Any, expected: int | None) -> None:
    """Write the body, but hardly more than the expected bytes: what is longer is found wrong afterwards."""
    limit = _UNPACKED if expected is None and encoding(answer) else expected
    for block in body(answer):
        handle.write(block)
        if limit is not None and handle.tell() > limit:
            return


def _facts(answer: Any) -> dict[str, Any]:
    """What the host says about the whole file: total bytes, a strong ETag, an MD5 and a SHA-256 where it gives them;
    `packed`: what it sends must be unpacked; `end`: a body that broke off would have been noticed.

    The hub names a large file's SHA-256 in `X-Linked-ETag` of the redirect; S3 gives the MD5 as ETag of an object that
    was uploaded in one piece and is not encrypted with a key of its own.
    """
    packed = bool(encoding(answer))
    facts: dict[str, Any] = {"total": None, "packed": packed, "end": has_end(answer)}
    if not packed and answer.status_code == 200:
        facts["total"] = integer(answer.headers.get("Content-Length"))
    etag = answer.headers.get("ETag", "")
    if etag and not etag.startswith("W/"):
        facts["etag"] = etag
    own_key = answer.headers.get("x-amz-server-side-encryption", "").startswith("aws:kms")
    if re.fullmatch(r'"[0-9a-f]{32}"', etag) and not own_key and not packed:
        facts["md5"] = etag.strip('"')
    for hop in (*answer.history, answer):
        linked = hop.headers.get("X-Linked-ETag", "").strip('"')
        if re.fullmatch(r"[0-9a-f]{64}", linked):
            facts["sha256"] = linked
    return facts


def _fault(path: Path, facts: dict[str, Any], remote: Remote, how: Policy) -> str:
    """What is wrong with a file that has arrived; empty when nothing is."""
    size = _size(path)
    sizes = [n for n in (remote.size, facts["total"]) if n is not None]
    wanted = remote.digest or (f"sha256:{facts['sha256']}" if "sha256" in facts else None)
    if wanted is None and how.etag_is_md5 and "md5" in facts:
        wanted = f"md5:{facts['md5']}"
    if not (sizes or wanted or facts.get("end")):
        sizes = [n for n in [_length_by_head(remote.url, how)] if n is not None]
        if not sizes:
            return (
                "the host tells neither length nor digest, so a whole file cannot be told from a broken-off one; "
                "download it by hand and give its path"
            )
    for expected in sizes:
        if size != expected:
            return f"wrong length: {size} bytes, expected {expected}"
    if facts.get("packed") and not sizes and size > _UNPACKED:
        return f"more than {_UNPACKED >> 30} GiB when unpacked"
    if wanted:
        kind, _, value = wanted.partition(":")
        found = sha256(path) if kind == "sha256" else _md5(path)
        if found != value:
            return f"wrong bytes: {kind} {found}, expected {value}"
    return ""


def _length_by_head(url: str, how: Policy) -> int | None:
    """The length that the answer to HEAD tells, None where it tells none."""
    try:
        with request(url, {"Accept-Encoding": "identity"}, how, "HEAD") as answer:
            good = answer.status_code == 200 and not encoding(answer)
            return integer(answer.headers.get("Content-Length")) if good else None
    except (Again, FetchError):
        return None


def _write(facts: dict[str, Any], path: Path) -> None:
    """A note of the cache. Not flushed to disk, which would cost more than a small file itself: digests tell."""
    temporary = path.with_name(f"{path.name}.{unique_token()}")
    temporary.write_text(json.dumps(facts))
    temporary.replace(path)


def _read(path: Path) -> dict[str, Any]:
    """A note of the cache; empty when there is none or a crash left it torn."""
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
