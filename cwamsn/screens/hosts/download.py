"""One file of a host, from the first byte to a whole one: resume, retries, lengths and digests."""

import hashlib
import json
import re
from pathlib import Path
from typing import IO, TypedDict, cast

from requests import Response

from cwamsn.errors import FetchError
from cwamsn.files import sha256, unique_token
from cwamsn.screen_specs.base import Retry
from cwamsn.screen_specs.locations import Remote
from cwamsn.screens.hosts.http import Again, body, encoding, has_end, integer, pause, request

_UNPACKED = 4 << 30  # bytes that a packed body of unknown length may have


class Facts(TypedDict, total=False):
    """What a host says about a whole file."""

    total: int | None
    packed: bool
    end: bool
    etag: str
    md5: str
    sha256: str
    # Of a finished entry of the cache, what it is.
    url: str
    size: int
    digest: str


def download(remote: Remote, partial: Path, final: Path, how: Retry) -> tuple[int, str]:
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
            state_path(partial).unlink(missing_ok=True)
            return size, digest
        partial.unlink(missing_ok=True)
        mismatches += 1
        if mismatches > 1:
            raise FetchError(f"{remote.url}: not accepted ({fault})")


def _transfer(remote: Remote, partial: Path, how: Retry) -> Facts:
    """One request: the facts the host gave about the whole file, whose bytes have arrived. Again when they have not."""
    offset = _size(partial)
    known = read_note(state_path(partial)) if offset else {}
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
        write_note(facts, state_path(partial))
        with partial.open("r+b" if start else "wb") as handle:
            handle.seek(start)
            handle.truncate()
            _receive(answer, handle, facts["total"] or remote.size)
    if facts["total"] is not None and _size(partial) < facts["total"]:
        raise Again(f"{_size(partial)} of {facts['total']} bytes have arrived")
    return facts


def _rest(answer: Response, offset: int, known: Facts, facts: Facts, remote: Remote) -> int:
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
        raise Again("the host sent a range without telling how long the whole file is")
    return total


def _receive(answer: Response, handle: IO[bytes], expected: int | None) -> None:
    """Write the body, but hardly more than the expected bytes: what is longer is found wrong afterwards."""
    limit = _UNPACKED if expected is None and encoding(answer) else expected
    for block in body(answer):
        handle.write(block)
        if limit is not None and handle.tell() > limit:
            return


def _facts(answer: Response) -> Facts:
    """What the host says about the whole file: total bytes, a strong ETag, an MD5 and a SHA-256 where it gives them;
    `packed`: what it sends must be unpacked; `end`: a body that broke off would have been noticed.

    The hub names a large file's SHA-256 in `X-Linked-ETag` of the redirect; S3 gives the MD5 as ETag of an object that
    was uploaded in one piece and is not encrypted with a key of its own.
    """
    packed = bool(encoding(answer))
    facts: Facts = {"total": None, "packed": packed, "end": has_end(answer)}
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


def _fault(path: Path, facts: Facts, remote: Remote, how: Retry) -> str:
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
        found = sha256(path) if kind == "sha256" else md5(path)
        if found != value:
            return f"wrong bytes: {kind} {found}, expected {value}"
    return ""


def _length_by_head(url: str, how: Retry) -> int | None:
    """The length that the answer to HEAD tells, None where it tells none."""
    try:
        with request(url, {"Accept-Encoding": "identity"}, how, "HEAD") as answer:
            good = answer.status_code == 200 and not encoding(answer)
            return integer(answer.headers.get("Content-Length")) if good else None
    except (Again, FetchError):
        return None


def md5(path: Path) -> str:
    """MD5 of a file, hexadecimal."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def state_path(partial: Path) -> Path:
    """The note beside a partial file: what its host said about the whole one."""
    return partial.with_name(partial.name.removesuffix(".partial") + ".state")


def write_note(facts: Facts, path: Path) -> None:
    """A note of the cache. Not flushed to disk, which would cost more than a small file itself: digests tell."""
    temporary = path.with_name(f"{path.name}.{unique_token()}")
    temporary.write_text(json.dumps(facts))
    temporary.replace(path)


def read_note(path: Path) -> Facts:
    """A note of the cache; empty when there is none or a crash left it torn."""
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        found = None
    return cast(Facts, found) if isinstance(found, dict) else {}


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
