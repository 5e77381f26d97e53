"""A remote file read in pieces: a seekable file object over HTTP ranges, for zip directories and Parquet footers."""

import io
import re
from functools import partial
from typing import Any

import requests

from cwamsn.errors import FetchError
from cwamsn.screen_specs.base import Retry
from cwamsn.screens.hosts.http import Again, encoding, integer, request, retried


class NoRanges(FetchError):
    """The host sends whole files only (or another file by now); fetch the file whole."""


class RangeFile(io.RawIOBase):
    """Read-only file object over the remote file at `url`. Every read is one request, retried when it breaks off.

    The file's length and `version` (a strong ETag, else a weak one with the date of change) are asked for once. A host
    whose file changes in between, or that gives nothing by which a change would show, raises :class:`NoRanges`.
    """

    def __init__(self, url: str, how: Retry) -> None:
        super().__init__()
        self.url, self.how, self.position = url, how, 0
        self.version, self.size = "", 0
        self.span(0, 0)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self.position, io.SEEK_END: self.size}[whence]
        self.position = max(0, start + offset)
        return self.position

    def readinto(self, buffer: Any) -> int:
        last = min(self.position + len(buffer), self.size) - 1
        if last < self.position:
            return 0
        data = self.span(self.position, last)
        buffer[: len(data)] = data
        self.position += len(data)
        return len(data)

    def span(self, first: int, last: int) -> bytes:
        """Bytes first..last, both included."""
        return retried(partial(self._request, first, last), f"{self.url}: bytes {first}-{last} not fetched", self.how)

    def _request(self, first: int, last: int) -> bytes:
        headers = {"Range": f"bytes={first}-{last}", "Accept-Encoding": "identity"}
        if self.version.startswith('"'):
            headers["If-Range"] = self.version
        with request(self.url, headers, self.how) as answer:
            found = re.fullmatch(r"bytes ([0-9]+)-([0-9]+)/([0-9]+)", answer.headers.get("Content-Range", ""))
            start, end, size = (integer(text) for text in found.groups()) if found else (None, None, None)
            if answer.status_code != 206 or start != first or end is None or size is None or encoding(answer):
                raise NoRanges(f"{self.url}: the host does not send the range asked for; fetch the file whole")
            version = _version(answer)
            if not version:
                raise NoRanges(f"{self.url}: the host gives no ETag or date by which a change would show")
            if self.version and (size, version) != (self.size, self.version):
                raise NoRanges(f"{self.url}: the file has changed on its host; run again")
            self.size, self.version = size, version
            if end != min(last, size - 1):
                raise Again(f"bytes to {end} instead of {last}")
            data = answer.raw.read(end - start + 2, decode_content=False)
        if len(data) != end - start + 1:
            raise Again(f"{len(data)} bytes instead of {end - start + 1}")
        return data


def _version(answer: requests.Response) -> str:
    """What tells one version of a file from another; empty where the host gives nothing."""
    etag = answer.headers.get("ETag", "")
    if etag.startswith('"'):
        return etag
    return " ".join(filter(None, (etag, answer.headers.get("Last-Modified", ""))))
