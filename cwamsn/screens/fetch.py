"""Fetching that survives: resume, retries with back-off, lengths and digests, whole files only.

A location is an HTTPS (or HTTP) URL, a `file://` URL or a plain path. A local file is used where it lies. A remote one
goes to `cache`, a folder that no rule declares as output (Snakemake deletes the outputs of failed jobs): first as
`<key>.partial`, and under its final name only when its length and digest are right. The key is a digest of the URL and
of the expected digest, so that a changed file is another entry.
"""

import fcntl
import hashlib
import json
import os
import random
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from cwamsn.files import sha256
from cwamsn.tables import InputError

_BLOCK = 1 << 16  # bytes that a cut connection loses at most
_RETRIED = {408, 425, 429, 500, 502, 503, 504}
_HUB = "huggingface.co"


class FetchError(InputError):
    """A file cannot be had from its host. The message names the URL, never a token."""


class Missing(FetchError):
    """The host says that there is no such file, or that it may not be read (401, 403, 404, 410)."""


@dataclass(frozen=True)
class Policy:
    """How patiently to fetch. `attempts` counts tries in a row that brought no new byte; times in seconds."""

    attempts: int = 8
    backoff: float = 1.0
    longest_wait: float = 300.0
    timeout: float = 60.0
    etag_is_md5: bool = True


@dataclass(frozen=True)
class Remote:
    """A file on a host: where it is and, where known beforehand, its bytes and `sha256:...` or `md5:...`."""

    url: str
    size: int | None = None
    digest: str | None = None


@dataclass
class Fetched:
    """A whole, verified file on this machine."""

    path: Path
    url: str
    size: int
    digest: str
    local: bool = False
    notes: list[str] = field(default_factory=list)

    def entry(self, name: str | None = None) -> dict[str, Any]:
        """The file's row of a manifest or of source.json."""
        return {"name": name or self.path.name, "size": self.size, "digest": self.digest, "source": self.url}


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


def policy(spec: dict[str, Any]) -> Policy:
    """The :class:`Policy` of a screen's `retry` key."""
    keys = spec.get("retry") or {}
    return Policy(
        attempts=keys.get("attempts", Policy.attempts),
        backoff=keys.get("backoff_s", Policy.backoff),
        timeout=keys.get("timeout_s", Policy.timeout),
        etag_is_md5=keys.get("etag_is_md5", Policy.etag_is_md5),
    )


def fetch(remote: Remote | str, cache: str | Path, how: Policy = Policy()) -> Fetched:
    """Return `remote` as a whole, verified local file; a second call finds it in `cache`.

    Raises :class:`Missing` when the host has no such file, :class:`FetchError` when it cannot be had whole, both naming
    the URL.
    """
    remote = Remote(remote) if isinstance(remote, str) else remote
    path = local_path(remote.url)
    if path is not None:
        return _local(remote, path)
    final = cached_path(remote, cache)
    record = final.with_name(final.name + ".json")
    final.parent.mkdir(parents=True, exist_ok=True)
    with _locked(final):
        known = _read(record)
        if final.exists() and known.get("digest") == f"sha256:{sha256(final)}":
            return Fetched(final, remote.url, known["size"], known["digest"])
        size, digest = _download(remote, final, how)
        _write({"url": remote.url, "size": size, "digest": digest}, record)
    return Fetched(final, remote.url, size, digest)


@contextmanager
def _locked(final: Path) -> Iterator[None]:
    """One process at a time: two that write one partial file would spoil it. The lock ends with the process."""
    path = final.with_name(final.name + ".lock")
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
        path.unlink(missing_ok=True)


def cached_path(remote: Remote, cache: str | Path) -> Path:
    """Where `fetch` keeps a remote file: two levels, named by the digest of URL and expected digest."""
    key = hashlib.sha256(f"{remote.url} {remote.digest or ''}".encode()).hexdigest()[:24]
    name = re.sub(r"[^A-Za-z0-9_.-]", "_", unquote(urlsplit(remote.url).path.rsplit("/", 1)[-1]))[-80:]
    return Path(cache) / key[:2] / f"{key}-{name}"


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


def _download(remote: Remote, final: Path, how: Policy) -> tuple[int, str]:
    """Fetch into `final` through its partial file; (size, 'sha256:...')."""
    import requests

    partial, state = final.with_name(final.name + ".partial"), final.with_name(final.name + ".state")
    failures, mismatches, furthest, problem = 0, 0, _size(partial), ""
    while failures < how.attempts and mismatches < 2:
        wait = 0.0
        try:
            done = _transfer(remote, partial, state, how)
        except Again as error:
            problem, wait, done = str(error), error.wait, None
        except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError) as error:
            problem, done = type(error).__name__, None
        if done is not None:
            problem = _fault(partial, done, remote, how)
            if not problem:
                size, digest = _size(partial), f"sha256:{sha256(partial)}"
                partial.replace(final)
                state.unlink(missing_ok=True)
                return size, digest
            partial.unlink(missing_ok=True)
            mismatches += 1
            continue
        if _size(partial) > furthest:
            failures, furthest = 0, _size(partial)
            continue
        failures += 1
        if failures < how.attempts:
            pause(failures - 1, wait, how)
    raise FetchError(f"{remote.url}: not fetched ({problem}); what has arrived is kept, run again to resume")


def pause(attempt: int, least: float, how: Policy) -> None:
    """Wait before the next try: doubling with `attempt`, with jitter, and `least` seconds at least (Retry-After)."""
    delay = max(least, how.backoff * 2**attempt * random.uniform(0.5, 1.0))  # nosec B311
    time.sleep(min(delay, how.longest_wait))


class Again(Exception):
    """Worth another try, after `wait` seconds at least."""

    def __init__(self, message: str, wait: float = 0.0) -> None:
        super().__init__(message)
        self.wait = wait


def _transfer(remote: Remote, partial: Path, state: Path, how: Policy) -> dict[str, Any] | None:
    """One request. The facts the host gave about the whole file, or None when the body broke off."""
    offset = _size(partial)
    known = _read(state) if offset else {}
    if offset and not (known.get("etag") or remote.digest):
        offset = 0  # nothing ties the bytes that are here to the file the host has now
    headers = {"Accept-Encoding": "identity"}
    if offset:
        headers["Range"] = f"bytes={offset}-"
        if known.get("etag"):
            headers["If-Range"] = known["etag"]
    with request(remote.url, headers, how) as answer:
        if answer.status_code == 416:
            partial.unlink(missing_ok=True)
            raise Again("the host refused the range")
        start, total = 0, _integer(answer.headers.get("Content-Length"))
        if answer.status_code == 206:
            match = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+|\*)", answer.headers.get("Content-Range", ""))
            if not match or int(match[1]) != offset:
                partial.unlink(missing_ok=True)
                raise Again("the host answered with another range than asked for")
            start, total = offset, _integer(match[3])
        facts = _facts(answer, total)
        _write(facts, state)
        with partial.open("r+b" if start else "wb") as handle:
            handle.seek(start)
            handle.truncate()
            for block in answer.iter_content(_BLOCK):
                handle.write(block)
    return facts if total is None or _size(partial) >= total else None


def request(url: str, headers: dict[str, str], how: Policy) -> Any:
    """GET `url`, streaming; follows redirects but never from HTTPS to HTTP. Raises Missing, Again, ConnectionError."""
    answer = session().get(url, headers={**headers, **_token(url)}, stream=True, timeout=how.timeout)
    hops = [*answer.history, answer]
    if any(a.url.startswith("https:") and b.url.startswith("http:") for a, b in pairwise(hops)):
        answer.close()
        raise FetchError(f"{url}: redirects from HTTPS to HTTP; refused")
    if answer.status_code in (200, 206, 416):
        return answer
    answer.close()
    if answer.status_code in _RETRIED:
        raise Again(f"HTTP {answer.status_code}", _retry_after(answer.headers.get("Retry-After")))
    hint = "; set HF_TOKEN if it needs an account" if urlsplit(url).hostname == _HUB else ""
    kind = Missing if answer.status_code in (401, 403, 404, 410) else FetchError
    raise kind(f"{url}: HTTP {answer.status_code} {answer.reason}{hint}; check the base URL of the screen")


_SESSION: Any = None


def session() -> Any:
    """One `requests.Session` a process, kept alive between files."""
    global _SESSION
    if _SESSION is None:
        import requests

        _SESSION = requests.Session()
        _SESSION.headers["User-Agent"] = "cwamsn"
        _SESSION.auth = lambda prepared: prepared  # tokens come from the environment only, not from ~/.netrc
    return _SESSION


def _token(url: str) -> dict[str, str]:
    parts, token = urlsplit(url), os.environ.get("HF_TOKEN")
    return {"Authorization": f"Bearer {token}"} if token and parts.scheme == "https" and parts.hostname == _HUB else {}


def _facts(answer: Any, total: int | None) -> dict[str, Any]:
    """What the host says about the whole file: total bytes, a strong ETag, an MD5 and a SHA-256 where it gives them.

    The hub names a large file's SHA-256 in `X-Linked-ETag` of the redirect; S3 gives the MD5 as ETag of an object that
    was uploaded in one piece and is not encrypted with a key of its own.
    """
    facts: dict[str, Any] = {"total": total}
    etag = answer.headers.get("ETag", "")
    if etag and not etag.startswith("W/"):
        facts["etag"] = etag
    own_key = answer.headers.get("x-amz-server-side-encryption", "").startswith("aws:kms")
    if re.fullmatch(r'"[0-9a-f]{32}"', etag) and not own_key:
        facts["md5"] = etag.strip('"')
    for hop in (*answer.history, answer):
        linked = hop.headers.get("X-Linked-ETag", "").strip('"')
        if re.fullmatch(r"[0-9a-f]{64}", linked):
            facts["sha256"] = linked
    return facts


def _fault(path: Path, facts: dict[str, Any], remote: Remote, how: Policy) -> str:
    """What is wrong with a file that has arrived; empty when nothing is."""
    size = _size(path)
    for expected in (remote.size, facts["total"]):
        if expected is not None and size != expected:
            return f"wrong length: {size} bytes, expected {expected}"
    wanted = remote.digest or (f"sha256:{facts['sha256']}" if "sha256" in facts else None)
    if wanted is None and how.etag_is_md5 and "md5" in facts:
        wanted = f"md5:{facts['md5']}"
    if wanted:
        kind, _, value = wanted.partition(":")
        found = sha256(path) if kind == "sha256" else _md5(path)
        if found != value:
            return f"wrong bytes: {kind} {found}, expected {value}"
    return ""


def _write(facts: dict[str, Any], path: Path) -> None:
    """A note of the cache. Not flushed to disk, which would cost more than a small file itself: digests tell."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    temporary.write_text(json.dumps(facts))
    temporary.replace(path)


def _read(path: Path) -> dict[str, Any]:
    """A note of the cache; empty when there is none or a crash left it torn."""
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return {}


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _integer(text: str | None) -> int | None:
    return int(text) if text and text.isdigit() else None


def _retry_after(text: str | None) -> float:
    """Seconds of a Retry-After header, given as a number or as a date."""
    if not text:
        return 0.0
    if text.isdigit():
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except ValueError:
        return 0.0


def list_folder(base: str, prefix: str, how: Policy) -> Iterator[Remote]:
    """Files directly below `prefix` of a bucket (S3 ListObjectsV2 over HTTP, anonymous) or of a local folder."""
    folder = local_path(join(base, prefix))
    if folder is not None:
        if not folder.is_dir():
            raise Missing(f"{folder}: no such folder; check the base URL of the screen")
        for path in sorted(p for p in folder.iterdir() if p.is_file()):
            yield Remote(join(base, prefix, path.name), path.stat().st_size)
        return
    following: str | None = None
    while True:
        query = f"?list-type=2&prefix={quote(prefix.strip('/') + '/', safe='')}"
        query += f"&continuation-token={quote(following, safe='')}" if following else ""
        entries, following = _listing(base.rstrip("/") + "/" + query, how)
        for key, size, etag in entries:
            md5 = f"md5:{etag}" if how.etag_is_md5 and re.fullmatch(r"[0-9a-f]{32}", etag) else None
            yield Remote(join(base, key), size, md5)
        if not following:
            return


def _listing(url: str, how: Policy) -> tuple[list[tuple[str, int, str]], str]:
    """One page of a bucket listing: (key, size, ETag) entries, and the token of the next page or ''."""
    import defusedxml.ElementTree as ElementTree

    try:
        tree = ElementTree.fromstring(get_text(url, how))
    except ElementTree.ParseError as error:
        raise FetchError(f"{url}: not a bucket listing ({error}); check the base URL of the screen") from None
    space = tree.tag.rpartition("}")[0] + "}" if "}" in tree.tag else ""
    entries = [
        (
            node.findtext(f"{space}Key", ""),
            int(node.findtext(f"{space}Size", "0")),
            node.findtext(f"{space}ETag", "").strip('"'),
        )
        for node in tree.iter(f"{space}Contents")
    ]
    return [e for e in entries if not e[0].endswith("/")], tree.findtext(f"{space}NextContinuationToken", "")


def get_text(url: str, how: Policy) -> str:
    """The body of a small, changing answer (a listing), not cached; retried like a file."""
    import requests

    problem = ""
    for attempt in range(how.attempts):
        wait = 0.0
        try:
            with request(url, {}, how) as answer:
                body, length = answer.content, _integer(answer.headers.get("Content-Length"))
            if length is None or answer.headers.get("Content-Encoding") or len(body) == length:
                return body.decode()
            problem = "the answer broke off"
        except Again as error:
            problem, wait = str(error), error.wait
        except requests.RequestException as error:
            problem = type(error).__name__
        pause(attempt, wait, how)
    raise FetchError(f"{url}: not fetched ({problem}); run again")
