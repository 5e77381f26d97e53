"""A zip file on a host: where the host sends ranges, only the members that are needed are fetched."""

import hashlib
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from functools import partial
from io import BufferedReader
from pathlib import Path

from cwamsn.errors import FetchError, InputError
from cwamsn.files import atomic_path, sha256
from cwamsn.screen_specs.base import Retry
from cwamsn.screen_specs.locations import Remote, local_path
from cwamsn.screens.hosts.cache import Fetched, cached_path, fetch, glance, usable
from cwamsn.screens.hosts.ranges import NoRanges, RangeFile
from cwamsn.screens.planes.decode import MOST_BYTES

_CHUNK = 32 << 20  # bytes per request; what a killed job loses at most
_NAMES = 2 << 16  # bytes of a member's name and extra field at most
_GAP = 1 << 20  # unneeded bytes that are cheaper to read than another request
_WHOLE = 0.9  # share of the archive from which on it is fetched whole
_HEADER = 30  # bytes of a member's header before its name
_DATE = (1980, 1, 1, 0, 0, 0)


class HostedZip:
    """The zip file at `url`: its member names, and a local file that holds the wanted ones.

    With `glances`, a local file is opened but not read to its end (:func:`cwamsn.screens.hosts.glance`).
    """

    def __init__(self, url: str, cache: str | Path, how: Retry, glances: bool = False) -> None:
        self.url, self.name, self.cache, self.how = url, url.rsplit("/", 1)[-1], Path(cache), how
        self._fetch = glance if glances and local_path(url) is not None else partial(fetch, cache=cache, how=how)
        self._remote: RangeFile | None = None
        self._fetched: Fetched | None = None
        if local_path(url) is None and not cached_path(Remote(url), cache).exists():
            try:
                self._remote = RangeFile(url, how)
                self.members = self._directory()
                return
            except NoRanges:
                self._remote = None
        self._fetch_whole()

    def _fetch_whole(self) -> None:
        self._fetched, self._remote = self._fetch(Remote(self.url)), None
        self.members = self._directory()

    @property
    def _whole(self) -> Fetched:
        assert self._fetched is not None
        return self._fetched

    @property
    def _ranges(self) -> RangeFile:
        assert self._remote is not None
        return self._remote

    def _directory(self) -> dict[str, zipfile.ZipInfo]:
        if self._remote is not None:
            return self._read(BufferedReader(self._remote, 1 << 16))
        with usable(self._whole):
            return self._read(self._whole.path)

    def _read(self, source: Path | BufferedReader) -> dict[str, zipfile.ZipInfo]:
        try:
            with zipfile.ZipFile(source) as archive:
                return {info.filename: info for info in archive.infolist() if not info.is_dir()}
        except InputError:
            raise
        except (zipfile.BadZipFile, NotImplementedError, ValueError, struct.error) as error:
            raise FetchError(f"{self.url}: not a whole zip file ({error}); download or copy it again") from None

    @property
    def names(self) -> list[str]:
        """Names of the members."""
        return list(self.members)

    def glance(self) -> Fetched:
        """The file where it is: nothing but its directory has been read unless it is local or in the cache."""
        return self._fetched or Fetched(Path(self.url), self.url, 0, "")

    def keep(self, members: Iterable[str]) -> tuple[Fetched, list[str]]:
        """(local zip file that holds `members`, those of them that are damaged).

        A member's bytes are checked against its CRC-32. The whole file is used when it is local, when most of it is
        needed, and when the host stops sending ranges.
        """
        wanted = sorted(members, key=lambda name: self.members[name].header_offset)
        if self._remote is not None:
            needed = sum(self.members[name].compress_size for name in wanted)
            if needed < _WHOLE * self._remote.size:
                try:
                    return self._keep_some(wanted)
                except NoRanges as error:
                    print(error)
            self._fetch_whole()  # with its directory, since the file may be another by now
        return self._whole, _damaged(self._whole.path, wanted)

    def _keep_some(self, wanted: list[str]) -> tuple[Fetched, list[str]]:
        """A zip file of `wanted` in the cache, members stored; their bytes come in chunks that survive a kill."""
        chosen = hashlib.sha256("\n".join(wanted).encode()).hexdigest()
        final = self._place(f"members:{chosen}")
        bad: list[str] = []
        chunks: list[Path] = []
        with atomic_path(final) as temporary, zipfile.ZipFile(temporary, "w") as archive:
            for names, first, last in self._chunks(wanted):
                chunks.append(self._chunk(first, last))
                data = chunks[-1].read_bytes()
                for name in names:
                    try:
                        archive.writestr(zipfile.ZipInfo(name, _DATE), _member(data, first, self.members[name]))
                    except (zlib.error, ValueError, struct.error):
                        bad.append(name)
        for chunk in chunks:
            chunk.unlink(missing_ok=True)
        return Fetched(final, self.url, final.stat().st_size, f"sha256:{sha256(final)}"), bad

    def _chunks(self, wanted: list[str]) -> Iterator[tuple[list[str], int, int]]:
        """Runs of neighbouring members: (names, first byte, last byte)."""
        # A member ends where the next one (or the directory, beyond all of them) begins; its own header may be longer
        # than the directory's, so the next offset is the safe end.
        starts = sorted(info.header_offset for info in self.members.values())
        following = dict(zip(starts, [*starts[1:], self._ranges.size]))
        names: list[str] = []
        first = last = 0
        for name in wanted:
            begin = self.members[name].header_offset
            # Nothing lies between members, so that the next one's begin far away means a directory that is wrong.
            end = (
                min(following[begin], begin + _HEADER + _NAMES + min(self.members[name].compress_size, MOST_BYTES)) - 1
            )
            if names and (begin > last + _GAP or end - first >= _CHUNK):
                yield names, first, last
                names = []
            if not names:
                first = begin
            names.append(name)
            last = end
        if names:
            yield names, first, last

    def _place(self, what: str) -> Path:
        """Where a piece of this version of the file is kept."""
        digest = f"{what}:{self._ranges.version}:{self._ranges.size}"
        return cached_path(Remote(self.url, digest=digest), self.cache)

    def _chunk(self, first: int, last: int) -> Path:
        path = self._place(f"span:{first}-{last}")
        if not (path.exists() and path.stat().st_size == last - first + 1):
            with atomic_path(path) as temporary:
                temporary.write_bytes(self._ranges.span(first, last))
        return path


def _member(data: bytes, first: int, info: zipfile.ZipInfo) -> bytes:
    """The member's bytes out of `data`, which begins at byte `first` of the archive. ValueError when damaged."""
    at = info.header_offset - first
    if data[at : at + 4] != b"PK\3\4":
        raise ValueError("no member header")
    if info.file_size > MOST_BYTES:
        raise ValueError("too large")
    start = at + _HEADER + sum(struct.unpack_from("<HH", data, at + 26))
    body = data[start : start + info.compress_size]
    if info.compress_type == zipfile.ZIP_DEFLATED:
        body = zlib.decompressobj(wbits=-15).decompress(body, info.file_size + 1)  # not what a bomb makes of it
    elif info.compress_type != zipfile.ZIP_STORED:
        raise ValueError("unknown compression")
    if len(body) != info.file_size or zlib.crc32(body) != info.CRC:
        raise ValueError("wrong checksum")
    return body


def _damaged(path: Path, members: list[str]) -> list[str]:
    bad = []
    with zipfile.ZipFile(path) as archive:
        for member in members:
            try:
                if archive.getinfo(member).file_size > MOST_BYTES:
                    raise zipfile.BadZipFile("too large")
                with archive.open(member) as handle:
                    while handle.read(1 << 20):
                        continue
            except (zipfile.BadZipFile, zlib.error, EOFError, KeyError, NotImplementedError, RuntimeError):
                bad.append(member)
    return bad
