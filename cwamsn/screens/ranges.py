"""A remote file read in pieces: a seekable file object over HTTP ranges, for zip directories and Parquet footers."""

import io
import re
from typing import Any

from cwamsn.screens.fetch import Again, FetchError, Policy, pause, request


class NoRanges(FetchError):
    """The host sends whole files only (or another file by now); fetch the file whole."""


class RangeFile(io.RawIOBase):
    """Read-only file object over the remote file at `url`. Every read is one request, retried when it breaks off.

    The file's length and ETag are asked for once; a host whose file changes in between raises :class:`NoRanges`.
    """

    def __init__(self, url: str, how: Policy) -> None:
        super().__init__()
        self.url, self.how, self.position = url, how, 0
        self.etag, self.size = "", 0
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
        import requests

        problem = ""
        for attempt in range(self.how.attempts):
            wait = 0.0
            try:
                return self._request(first, last)
            except Again as error:
                problem, wait = str(error), error.wait
            except requests.RequestException as error:
                problem = type(error).__name__
            pause(attempt, wait, self.how)
        raise FetchError(f"{self.url}: bytes {first}-{last} not fetched ({problem}); run again")

    def _request(self, first: int, last: int) -> bytes:
        headers = {"Range": f"bytes={first}-{last}", "Accept-Encoding": "identity"}
        if self.etag:
            headers["If-Range"] = self.etag
        with request(self.url, headers, self.how) as answer:
            found = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", answer.headers.get("Content-Range", ""))
            if answer.status_code != 206 or not found or int(found[1]) != first:
                raise NoRanges(f"{self.url}: the host does not send the range asked for; fetch the file whole")
            if self.size and int(found[3]) != self.size:
                raise NoRanges(f"{self.url}: the file has changed on its host; run again")
            etag = answer.headers.get("ETag", "")
            self.size, self.etag = int(found[3]), etag if not etag.startswith("W/") else ""
            data = answer.content
        if len(data) != int(found[2]) - first + 1 or int(found[2]) != min(last, self.size - 1):
            raise Again(f"{len(data)} bytes instead of {last - first + 1}")
        return data
