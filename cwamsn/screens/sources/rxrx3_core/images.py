"""Images of RxRx3-core: the fields that a shard owns, completed from its neighbours."""

import hashlib
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

import pandas as pd
import pyarrow.parquet as pq

from cwamsn.errors import InputError
from cwamsn.files import atomic_path, sha256
from cwamsn.screen_specs.locations import Remote, local_path
from cwamsn.screen_specs.rxrx3_core import RxRx3Spec, shard_name, shard_number
from cwamsn.screens.hosts import Fetched, Missing, NoRanges, RangeFile, cached_path
from cwamsn.screens.names import RxRx3Key
from cwamsn.screens.sources.raw import Acquired, Raw
from cwamsn.screens.sources.rxrx3_core.metadata import licensed_fetch
from cwamsn.screens.sources.rxrx3_core.shards import Field, Head, first_field, last_field, read_keys, read_shard
from cwamsn.vocabulary import RXRX3_STAINS

T = TypeVar("T")


def acquire(spec: RxRx3Spec, raw: Raw, wells: pd.DataFrame, cache: Path) -> Acquired:
    """Fetch the shard `raw.unit`; the fields whose first plane lies in it, completed from the next shard."""
    found, unit = Acquired(RXRX3_STAINS), raw.unit.name
    url = spec.shard_url(unit)
    here = raw.glances and local_path(url) is not None
    shard = raw.get(url, cache, spec.retry) if here else licensed_fetch(spec, url, cache)
    path = raw.add(shard, f"{unit}.parquet")
    keys = read_keys(shard)
    planes: dict[tuple[str, int], dict[int, str]] = {}
    for row, key in enumerate(keys):
        if key is not None:
            planes.setdefault((key.well_id, key.site), {})[key.channel] = f"{path}#{row}"
    if None in keys:
        print(f"{unit}: {keys.count(None)} rows whose __key__ is not experiment/Plate1/A01_s1_1..6 are left out")
    if not planes:
        raise InputError(f"{shard.url}: no row names a plane in __key__; is it a shard of RxRx3-core?")
    first, last = next(iter(planes)), list(planes)[-1]
    # A place of this job's own: another job may be reading the shard that it fetched for itself.
    own = cache / "neighbours" / hashlib.sha256(str(raw.unit.raw.resolve()).encode()).hexdigest()[:24]
    if len(planes[first]) < len(RXRX3_STAINS) and _neighbour(spec, unit, -1, own, last_field) == first:
        del planes[first]  # begins in the shard before, which owns it
    after = _neighbour(spec, unit, 1, own, partial(first_field, wanted=last))
    following = after.field if after else None
    if after and after.planes and last in planes:
        planes[last] |= _continued(spec, unit, after, cache, raw)
    known = dict(zip(wells["well_id"], wells["plate"]))
    for (well_id, site), uris in planes.items():
        missing = [name for c, name in enumerate(RXRX3_STAINS, 1) if c not in uris]
        field_id = f"{well_id}_s{site}"
        if well_id not in known:
            found.skip(field_id, well_id, well_id.split("_")[-2], site, "well without a row in the metadata")
        elif missing:
            found.skip(field_id, well_id, known[well_id], site, f"no image of channel {', '.join(missing)}")
        else:
            named = {f"uri_{name}": uris[c] for c, name in enumerate(RXRX3_STAINS, 1)}
            found.fields.append({"field_id": field_id, "well_id": well_id, "site": site} | named)
    pictured = {key.well_id for key in keys if key}
    for well_id in _expected(spec, unit, keys, following, known):
        if well_id not in pictured:
            found.skip(f"{well_id}_s0", well_id, known[well_id], 0, "well without any image on the host")
    return found


def _expected(
    spec: RxRx3Spec, unit: str, keys: list[RxRx3Key | None], following: Field | None, known: dict[str, str]
) -> list[str]:
    """Wells of the metadata that this shard should hold: from its first key to the next shard's, as rows are sorted.

    Empty where they are not, since then nothing tells in which shard a well belongs.
    """
    places = [_order(key.well_id) for key in keys if key]
    end = _order(following[0]) if following else None
    if places != sorted(places) or (end and end < places[-1]):
        print(f"{unit}: rows are not sorted by key, so wells without images are not listed")
        return []
    start = "" if unit == shard_name(0, spec.shards) else places[0]
    return [w for w in known if w.count("_") >= 2 and start <= _order(w) and (end is None or _order(w) < end)]


def _order(well_id: str) -> str:
    """`compound-001_1_AA15` → `compound-001/Plate1/AA15`, the text by which shards are sorted."""
    experiment, plate, address = well_id.rsplit("_", 2)
    return f"{experiment}/Plate{plate}/{address}"


def _neighbour(spec: RxRx3Spec, unit: str, step: int, own: Path, read: Callable[[pq.ParquetFile], T]) -> T | None:
    """What `read` makes of the shard before (-1) or after (+1); None at the ends and where the host lacks that shard.

    Of a remote shard only the footer and the row groups that are read travel, unless the host sends whole files only:
    then the shard is fetched into the folder `own`, which is removed again.
    """
    index = shard_number(unit) + step
    if not 0 <= index < spec.shards:
        return None
    url = spec.shard_url(shard_name(index, spec.shards))
    local = local_path(url)
    if local is not None:
        return read_shard(local, url, read) if local.exists() else None
    try:
        return read_shard(RangeFile(url, spec.retry), url, read)
    except Missing:
        return None
    except NoRanges:
        fetched = licensed_fetch(spec, url, own)
    try:
        return read_shard(fetched.path, url, read)
    finally:
        shutil.rmtree(own, ignore_errors=True)


def _continued(spec: RxRx3Spec, unit: str, head: Head, cache: Path, raw: Raw) -> dict[int, str]:
    """Channel → URI of the planes at the head of the next shard that belong to this unit's last field.

    They go to a small shard of their own, so that a unit's raw files are its own.
    """
    url = spec.shard_url(shard_name(shard_number(unit) + 1, spec.shards))
    path = cached_path(Remote(url, digest=f"head:{unit}"), cache)
    with atomic_path(path) as temporary:
        assert head.rows is not None
        pq.write_table(head.rows.replace_schema_metadata(None), temporary)
    taken = Fetched(path, url, path.stat().st_size, f"sha256:{sha256(path)}")
    where = raw.add(taken, f"{unit}.continued.parquet")
    return {channel: f"{where}#{row}" for channel, row in head.planes.items()}
