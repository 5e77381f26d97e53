"""One request to a host: redirects are followed here, and everything that can go wrong is one of four errors.

:class:`Again` is worth another try, :class:`Missing` says that there is no such file, :class:`Forbidden` that the host
refuses to send it, :class:`FetchError` anything else that will not pass by waiting.
"""

import os
import random
import re
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from typing import TypeVar
from urllib.parse import urljoin, urlsplit

import requests
import urllib3

from cwamsn.errors import FetchError
from cwamsn.screen_specs.base import Retry

T = TypeVar("T")
LONGEST_WAIT = 300.0  # seconds before the next try, whatever a host asks for
BLOCK = 1 << 16  # bytes that a cut connection loses at most
_RETRIED = {408, 425, 429, 500, 502, 503, 504}
_FORBIDDEN_TRIES = 4  # a store that is asked too often, or whose file is new, says 403 for a moment
_HOPS = 10
_HUB = "huggingface.co"
_PLAIN = {"", "identity", "aws-chunked"}  # S3 names the last for objects that it sends as they are
_DECODED = 1 << 20  # bytes decoded at once


class Missing(FetchError):
    """The host says that there is no such file (404, 410)."""


class Forbidden(FetchError):
    """The host does not let the file be read (401, 403). Whether it exists is not known."""


class Again(Exception):
    """Worth another try, after `wait` seconds at least; after `tries` of them it is `final`, where that is given."""

    def __init__(
        self, message: str, wait: float = 0.0, tries: int | None = None, final: FetchError | None = None
    ) -> None:
        super().__init__(message)
        self.wait, self.tries, self.final = wait, tries, final

    def spent(self, failures: int, how: Retry) -> bool:
        """Whether `failures` in a row are enough."""
        return failures >= min(how.attempts, self.tries or how.attempts)


def retried(action: Callable[[], T], failed: str, how: Retry) -> T:
    """What `action` returns, tried again while it raises :class:`Again`; in the end a FetchError that says `failed`."""
    failures = 0
    while True:
        try:
            return action()
        except Again as error:
            failures += 1
            if error.spent(failures, how):
                raise error.final or FetchError(f"{failed} ({error}); run again") from None
            pause(failures - 1, error.wait, how)


def pause(attempt: int, least: float, how: Retry) -> None:
    """Wait before the next try: doubling with `attempt`, with jitter, and `least` seconds at least (Retry-After)."""
    delay = max(least, how.backoff_s * 2.0 ** min(attempt, 30) * random.uniform(0.5, 1.0))  # nosec B311
    time.sleep(min(delay, LONGEST_WAIT))


def check_url(url: str) -> None:
    """FetchError unless `url` is an HTTP or HTTPS URL with a host."""
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:  # brackets, or a port that is not a number
        good = False
    if not good:
        raise FetchError(f"{url}: not an http:// or https:// URL; correct it (a local file: file://... or a path)")


@contextmanager
def request(url: str, headers: dict[str, str], how: Retry, method: str = "GET") -> Iterator[requests.Response]:
    """The streaming answer to `url`, with status 200, 206 or 416; `history` holds the redirects before it.

    Whatever breaks off meanwhile, here or while the body is read, is :class:`Again`. No credentials but HF_TOKEN are
    sent, and that one to the hub alone; a redirect from HTTPS to HTTP is refused before it is followed.
    """
    with _breaks():
        answer = _follow(method, url, headers, how)
        try:
            _judge(answer, url)
            yield answer
        finally:
            answer.close()


@contextmanager
def _breaks() -> Iterator[None]:
    try:
        yield
    except (requests.RequestException, urllib3.exceptions.HTTPError, HTTPException) as error:
        raise Again(type(error).__name__) from None


def _follow(method: str, url: str, headers: dict[str, str], how: Retry) -> requests.Response:
    hops: list[requests.Response] = []
    here = url
    while True:
        check_url(here)
        try:
            # Followed by hand, since requests sends what ~/.netrc holds for the host of a redirect.
            answer = session().request(
                method, here, headers={**headers, **_token(here)}, stream=True, timeout=how.timeout_s,
                allow_redirects=False,
            )  # fmt: skip
        except requests.exceptions.InvalidHeader:  # of the answer
            raise
        except ValueError as error:  # of a host name or a port that cannot be, here or in a redirect
            raise FetchError(
                f"{here}: this or what it redirects to is not a usable URL ({error}); correct it"
            ) from None
        target = session().get_redirect_target(answer)
        if not target:
            answer.history = hops
            return answer
        answer.close()
        hops.append(answer)
        if len(hops) > _HOPS:
            raise FetchError(f"{url}: more than {_HOPS} redirects, the last to {target}; check the base URL")
        there = urljoin(here, requests.utils.requote_uri(target))
        if here.lower().startswith("https:") and not there.lower().startswith("https:"):
            raise FetchError(f"{url}: redirects from HTTPS to {there.partition(':')[0].upper()}; refused")
        here = there


def _judge(answer: requests.Response, url: str) -> None:
    status = answer.status_code
    if status in (200, 206, 416):
        return
    if status in _RETRIED:
        raise Again(f"HTTP {status}", retry_after(answer.headers.get("Retry-After")))
    said = f"{url}: HTTP {status} {answer.reason}"
    if status in (404, 410):
        raise Missing(f"{said}; check the base URL of the screen")
    if status not in (401, 403):
        raise FetchError(f"{said}; check the base URL of the screen")
    hint = "set HF_TOKEN if it needs an account" if urlsplit(url).hostname == _HUB else "it may need an account"
    error = Forbidden(f"{said}: forbidden, which does not say that the file is missing; {hint}, or run again later")
    if status == 401:
        raise error
    raise Again(f"HTTP {status}", retry_after(answer.headers.get("Retry-After")), _FORBIDDEN_TRIES, error)


_SESSION: requests.Session | None = None


def session() -> requests.Session:
    """One `requests.Session` a process, kept alive between files."""
    global _SESSION
    if _SESSION is None:
        _SESSION = requests.Session()
        _SESSION.headers["User-Agent"] = "cwamsn"
        _SESSION.auth = lambda prepared: prepared  # tokens come from the environment only, not from ~/.netrc
    return _SESSION


def _token(url: str) -> dict[str, str]:
    parts, token = urlsplit(url), os.environ.get("HF_TOKEN")
    return {"Authorization": f"Bearer {token}"} if token and parts.scheme == "https" and parts.hostname == _HUB else {}


def encoding(answer: requests.Response) -> str:
    """How the body is packed though it was asked for as it is: '' or 'gzip'. Again for anything else."""
    names = [n.strip().lower() for n in answer.headers.get("Content-Encoding", "").split(",")]
    packed = [n.removeprefix("x-") for n in names if n not in _PLAIN]
    if packed not in ([], ["gzip"]):
        raise Again(f"Content-Encoding {', '.join(packed)} though none was asked for")
    return "".join(packed)


def has_end(answer: requests.Response) -> bool:
    """Whether the body's end can be told from a connection that broke off: by length, chunks or gzip's own end."""
    chunked = "chunked" in answer.headers.get("Transfer-Encoding", "").lower()
    return chunked or integer(answer.headers.get("Content-Length")) is not None or encoding(answer) == "gzip"


def body(answer: requests.Response) -> Iterator[bytes]:
    """The body in blocks, unpacked. Again when it broke off, as far as it has an end (see :func:`has_end`)."""
    blocks = answer.raw.stream(BLOCK, decode_content=False)
    return _unzipped(blocks) if encoding(answer) == "gzip" else blocks


def _unzipped(blocks: Iterator[bytes]) -> Iterator[bytes]:
    decoder = zlib.decompressobj(wbits=31)
    try:
        for block in blocks:
            while block:
                if decoder.eof:
                    decoder = zlib.decompressobj(wbits=31)  # gzip files may follow each other
                yield decoder.decompress(block, _DECODED)
                block = decoder.unused_data if decoder.eof else decoder.unconsumed_tail
        yield decoder.flush()
    except zlib.error as error:
        raise Again(f"a damaged gzip body ({error})") from None
    if not decoder.eof:
        raise Again("the gzip body broke off")


def integer(text: str | None) -> int | None:
    """A header's count of bytes; None where it is none."""
    return int(text) if text and re.fullmatch(r"[0-9]{1,18}", text) else None


def retry_after(text: str | None) -> float:
    """Seconds of a Retry-After header, given as a number or as a date; 0 for anything else."""
    text = (text or "").strip()
    if re.fullmatch(r"[0-9]+", text):
        return float(text[:18])
    try:
        date = parsedate_to_datetime(text)
        return max(0.0, (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - time.time())
    except (ValueError, TypeError, IndexError, OverflowError):
        return 0.0
