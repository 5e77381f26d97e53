"""The raw files of one unit: where they will lie, their manifest, and the tables made from them."""

import os
import shutil
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from cwamsn.errors import InputError
from cwamsn.files import atomic_directory, atomic_path
from cwamsn.paths import UnitPaths
from cwamsn.screen_specs.base import Retry
from cwamsn.screen_specs.locations import Remote, shown_uri
from cwamsn.screens.hosts import Fetched, fetch, glance

_MANIFEST = pa.schema([("name", pa.string()), ("size", pa.int64()), ("digest", pa.string()), ("source", pa.string())])
_SKIPPED = pa.schema(
    [
        ("field_id", pa.string()),
        ("well_id", pa.string()),
        ("plate", pa.string()),
        ("site", pa.int32()),
        ("reason", pa.string()),
    ]
)


@dataclass
class Raw:
    """Files of a unit. Fetched ones are linked from the cache into its folder at the end, local ones stay.

    With `glances`, images are looked for but not read: local files must be there, remote ones are taken for granted,
    and URIs of those are URLs. That is how a whole screen is checked in seconds. Without `digests`, local images are
    not read for the manifest's sake.
    """

    unit: UnitPaths
    files: dict[str, Fetched] = field(default_factory=dict)
    glances: bool = False
    digests: bool = True

    def get(self, remote: Remote | str, cache: Path, how: Retry) -> Fetched:
        """An image, whole and verified (:func:`cwamsn.screens.hosts.fetch`); of a glance only whether it is there."""
        return glance(remote) if self.glances else fetch(remote, cache, how, hashed=self.digests)

    def add(self, fetched: Fetched, name: str | None = None) -> str:
        """Note a file; returns its path as a URI, where it will lie after :meth:`finish`."""
        name = name or fetched.path.name
        self.files[name] = fetched
        if self.glances:  # what a source did fetch, such as a shard, lies in the cache
            return str(fetched.path) if fetched.local or fetched.path.exists() else fetched.url
        return shown_uri(fetched.path) if fetched.local else shown_uri(self.unit.raw / name)

    def finish(self) -> None:
        """Write the folder with the fetched files and `manifest.parquet`, or leave nothing.

        Hard links keep the cache whole until the folder is: a job that is killed here starts again without the network.
        """
        with atomic_directory(self.unit.raw) as temporary:
            for name, fetched in self.files.items():
                if not fetched.local:
                    link(fetched.path, temporary / name)
            rows = [fetched.entry(name) for name, fetched in sorted(self.files.items())]
            pq.write_table(pa.Table.from_pylist(rows, schema=_MANIFEST), temporary / "manifest.parquet")


def link(source: Path, target: Path) -> None:
    """A hard link where the file system has them, else a copy; folders are made."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except FileNotFoundError:
        raise InputError(f"{source}: another job has removed it from the cache; run again") from None
    except OSError:  # another file system, or one without links
        shutil.copyfile(source, target)


@dataclass
class Acquired:
    """What a source makes of a unit: the fields table, and the fields it had to leave out with the reason of each."""

    channels: tuple[str, ...]
    fields: list[dict[str, object]] = field(default_factory=list)
    skipped: list[dict[str, object]] = field(default_factory=list)

    def skip(self, field_id: str, well_id: str, plate: str, site: int, reason: str) -> None:
        """List a field that is left out."""
        self.skipped.append({"field_id": field_id, "well_id": well_id, "plate": plate, "site": site, "reason": reason})

    def fields_frame(self) -> pd.DataFrame:
        """The fields table, sorted by field_id."""
        columns = ["field_id", "well_id", "site", *(f"uri_{c}" for c in self.channels)]
        return pd.DataFrame(self.fields, columns=columns).sort_values("field_id", ignore_index=True)

    def write_skipped(self, path: Path) -> None:
        """Write the fields that were left out: field_id, well_id, plate, site, reason."""
        rows = sorted(self.skipped, key=lambda row: (str(row["field_id"]), str(row["reason"])))
        with atomic_path(path) as temporary:
            pq.write_table(pa.Table.from_pylist(rows, schema=_SKIPPED), temporary, compression="zstd")

    def summary(self) -> str:
        """One line for the log."""
        # What follows a colon differs from field to field: the file that was looked for.
        reasons = Counter(str(row["reason"]).partition(": ")[0] for row in self.skipped)
        counts = "; ".join(f"{n} x {reason}" for reason, n in sorted(reasons.items()))
        return f"{len(self.fields)} fields, {len(self.skipped)} skipped" + (f" ({counts})" if counts else "")
