"""A zip file on a host, of which only some members are needed."""

import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path

from cwamsn.screens.fetch import Fetched, FetchError, Policy, Remote, fetch


class HostedZip:
    """The zip file at `url`: its member names, and a local file that holds the wanted ones."""

    def __init__(self, url: str, cache: Path, how: Policy) -> None:
        self.url, self.name = url, url.rsplit("/", 1)[-1]
        self._fetched = fetch(Remote(url), cache, how)
        try:
            with zipfile.ZipFile(self._fetched.path) as archive:
                self.names = [info.filename for info in archive.infolist() if not info.is_dir()]
        except zipfile.BadZipFile as error:
            raise FetchError(f"{url}: not a whole zip file ({error}); fetch or copy it again") from None

    def keep(self, members: Iterable[str]) -> tuple[Fetched, list[str]]:
        """(local zip file that holds `members`, those of them whose checksum is wrong)."""
        bad = []
        with zipfile.ZipFile(self._fetched.path) as archive:
            for member in members:
                try:
                    with archive.open(member) as handle:
                        while handle.read(1 << 20):
                            pass
                except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError):
                    bad.append(member)
        return self._fetched, bad
