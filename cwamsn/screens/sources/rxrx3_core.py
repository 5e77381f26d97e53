"""RxRx3-core (Recursion, non-commercial terms): 35 Parquet shards of JPEG 2000 planes and one metadata table."""

import hashlib
import shutil
from collections.abc import Callable
from functools import partial
from itertools import takewhile
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from cwamsn.errors import InputError
from cwamsn.files import atomic_path, sha256
from cwamsn.notes import note
from cwamsn.screen_specs.watch import state_of
from cwamsn.screens.hosts.cache import Fetched, Missing, Remote, cached_path, fetch, join, local_path, policy, usable
from cwamsn.screens.hosts.ranges import NoRanges, RangeFile
from cwamsn.screens.names import RxRx3Key, parse_addresses, parse_rxrx3_key
from cwamsn.screens.sources.raw import Acquired, Raw
from cwamsn.screens.text import read_text_table, require_columns
from cwamsn.vocabulary import RXRX3_STAINS

T = TypeVar("T")
Field = tuple[str, int]  # well_id and site
DEFAULTS: dict[str, Any] = {
    "base_url": "https://huggingface.co/datasets/recursionpharma/rxrx3-core/resolve/main",
    "shards": 35,
    "shard_selection": None,
    "metadata": None,
    "compound_gene_truth": None,
    "truth_url": (
        "https://raw.githubusercontent.com/recursionpharma/EFAAR_benchmarking/trunk/efaar_benchmarking"
        "/benchmark_annotations/compound_gene_interactions.csv"
    ),
    "accept_noncommercial_licence": False,
}
METADATA = "metadata_rxrx3_core.csv"
EMBEDDINGS = "OpenPhenom_rxrx3_core_embeddings.parquet"
_KEYS = 1 << 30  # bytes that a shard's column of keys may unpack to; 38,000 keys have about a megabyte
_ROW_GROUP = 4 << 30  # bytes that a row group of images may unpack to; 1,000 rows have about 14 MB
_COLUMNS = ("well_id", "experiment_name", "plate", "address", "gene", "treatment", "SMILES", "concentration")
_GUIDE = r"_guide_[^_]+$"  # TP53_guide_3; any other underscore is part of a name
_CONTROLS = {"EMPTY_control": "negative", "CRISPR_control": "other"}
TRUTH_COLUMNS = ("gene_symbol", "nM_value", "treatment")


def units(spec: dict[str, Any]) -> list[str]:
    chosen = spec["shard_selection"]
    return [shard_name(i, spec["shards"]) for i in (range(spec["shards"]) if chosen is None else sorted(set(chosen)))]


def shard_name(index: int, count: int) -> str:
    if not 0 <= index < count:
        raise InputError(f"shard_selection: {index} is not among the shards 0 to {count - 1}")
    return f"train-{index:05d}-of-{count:05d}"


def _get(spec: dict[str, Any], location: str, cache: Path) -> Fetched:
    """Fetch, after asking for the licence unless the file is local."""
    if (
        local_path(location) is None
        and location.startswith(spec["base_url"])
        and not spec["accept_noncommercial_licence"]
    ):
        raise InputError(
            f"{location}: RxRx3-core is under Recursion's non-commercial terms; read them there and set "
            "accept_noncommercial_licence: true, or give a local base_url"
        )
    return fetch(location, cache, policy(spec))


def wells(screen: str, spec: dict[str, Any], cache: Path) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The wells table from the metadata file (surplus columns are fine), and where it came from."""
    from cwamsn.screens.chemistry import inchikeys

    fetched = _get(spec, spec["metadata"] or join(spec["base_url"], METADATA), cache)
    with usable(fetched):
        frame = read_text_table(fetched.path, fetched.url)
        require_columns(frame, (*_COLUMNS, "perturbation_type"), fetched.url)
    for column in ("well_id", "experiment_name", "plate"):
        if not frame[column].all():
            row = frame.index[(frame[column] == "").argmax()]
            raise InputError(f"{fetched.url}: row {row} has no {column}; fill it in")
    repeated = frame["well_id"].duplicated()
    if repeated.any():
        row = frame.index[repeated.to_numpy().argmax()]
        raise InputError(f"{fetched.url}: row {row}: well_id {frame['well_id'][row]} stands twice; keep one row")
    frame = frame.replace("", None)
    unknown = ~frame["perturbation_type"].isin(["COMPOUND", "CRISPR"])
    if unknown.any():
        row = frame.index[unknown.to_numpy().argmax()]
        raise InputError(f"{fetched.url}: row {row}: perturbation_type must be COMPOUND or CRISPR")
    treatment = _controls_in_one_case(frame["treatment"])
    frame = frame.assign(treatment=treatment)
    control = treatment.map(_CONTROLS).astype(object)
    if "negative" not in set(control):
        note("no well is a negative control: none has the treatment EMPTY_control")
    perturbation = _perturbation(frame).where(control.isna(), treatment)
    frame = frame.assign(
        screen=screen,
        experiment=frame["experiment_name"],
        control=control.where(control.notna(), None),
        perturbation=perturbation,
        guide=treatment.where((frame["perturbation_type"] == "CRISPR") & (perturbation != treatment), None),
        gene=frame["gene"].where(control.isna(), None),
        smiles=frame["SMILES"],
        inchikey=inchikeys(frame["SMILES"]),
        concentration=_concentration(frame["concentration"], fetched.url),
        split=None,
        **parse_addresses(frame["address"], fetched.url),
    )
    return frame, {"files": [fetched.entry()], "notes": [f"{len(frame)} wells, no split"]}


def _controls_in_one_case(treatment: pd.Series) -> pd.Series:
    """Treatments, those of controls as the published file writes them; notes how many were not."""
    names = {name.casefold(): name for name in _CONTROLS}
    named = treatment.str.casefold().map(names)
    other = named.notna() & (named != treatment)
    if other.any():
        note(f"{int(other.sum())} wells are controls though their treatment is written {treatment[other].iloc[0]!r}")
    return treatment.mask(other, named).astype(object)


def _perturbation(frame: pd.DataFrame) -> pd.Series:
    """The gene of a guide, or the compound; the column `gene` where a knockout names no guide."""
    treatment = frame["treatment"]
    crispr = frame["perturbation_type"] == "CRISPR"
    cut = treatment.str.replace(_GUIDE, "", regex=True).where(crispr, treatment)
    return cut.where(~(crispr & (cut == treatment) & frame["gene"].notna()), frame["gene"])


def _concentration(column: pd.Series, source: str) -> pd.Series:
    values = pd.to_numeric(column, errors="coerce")
    bad = (column.notna() & values.isna()) | (values < 0) | values.isin([float("inf")])
    if bad.any():
        row = column.index[bad.to_numpy().argmax()]
        raise InputError(f"{source}: row {row}: concentration {column[row]!r} is no number (µM) or no dose")
    return values


# Fields ---------------------------------------------------------------------------------------------------------------


def acquire(spec: dict[str, Any], part: str, wells: pd.DataFrame, cache: Path, raw: Raw) -> Acquired:
    """Fetch shard `part`; the fields whose first plane lies in it, completed from the next shard."""
    found = Acquired(RXRX3_STAINS)
    shard = _get(spec, _shard_url(spec, part), cache)
    path = raw.add(shard, f"{part}.parquet")
    keys = _keys(shard)
    planes: dict[tuple[str, int], dict[int, str]] = {}
    for row, key in enumerate(keys):
        if key is not None:
            planes.setdefault((key.well_id, key.site), {})[key.channel] = f"{path}#{row}"
    if None in keys:
        print(f"{part}: {keys.count(None)} rows whose __key__ is not experiment/Plate1/A01_s1_1..6 are left out")
    if not planes:
        raise InputError(f"{shard.url}: no row names a plane in __key__; is it a shard of RxRx3-core?")
    first, last = next(iter(planes)), list(planes)[-1]
    # A place of this job's own: another job may be reading the shard that it fetched for itself.
    own = cache / "neighbours" / hashlib.sha256(str(raw.folder.resolve()).encode()).hexdigest()[:24]
    if len(planes[first]) < len(RXRX3_STAINS) and _neighbour(spec, part, -1, own, _last_field) == first:
        del planes[first]  # begins in the shard before, which owns it
    after = _neighbour(spec, part, 1, own, partial(_first_field, wanted=last))
    following = after.field if after else None
    if after and after.planes and last in planes:
        planes[last] |= _continued(spec, part, after, cache, raw)
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
    for well_id in _expected(spec, part, keys, following, known):
        if well_id not in pictured:
            found.skip(f"{well_id}_s0", well_id, known[well_id], 0, "well without any image on the host")
    return found


def _expected(
    spec: dict[str, Any],
    part: str,
    keys: list[RxRx3Key | None],
    following: Field | None,
    known: dict[str, str],
) -> list[str]:
    """Wells of the metadata that this shard should hold: from its first key to the next shard's, as rows are sorted.

    Empty where they are not, since then nothing tells in which shard a well belongs.
    """
    places = [_order(key.well_id) for key in keys if key]
    end = _order(following[0]) if following else None
    if places != sorted(places) or (end and end < places[-1]):
        print(f"{part}: rows are not sorted by key, so wells without images are not listed")
        return []
    start = "" if part == shard_name(0, spec["shards"]) else places[0]
    return [w for w in known if w.count("_") >= 2 and start <= _order(w) and (end is None or _order(w) < end)]


def _order(well_id: str) -> str:
    """`compound-001_1_AA15` → `compound-001/Plate1/AA15`, the text by which shards are sorted."""
    experiment, plate, address = well_id.rsplit("_", 2)
    return f"{experiment}/Plate{plate}/{address}"


def _shard_url(spec: dict[str, Any], part: str) -> str:
    return join(spec["base_url"], "data", f"{part}.parquet")


def _parse(keys: list[str | None]) -> list[RxRx3Key | None]:
    found = [parse_rxrx3_key(key or "") for key in keys]
    return [key if key and 1 <= key.channel <= len(RXRX3_STAINS) else None for key in found]


def _keys(shard: Fetched) -> list[RxRx3Key | None]:
    """The parsed key of every row, None for rows that name no plane."""
    with usable(shard):
        return _parse(_read(shard.path, shard.url, _key_column))


def _key_column(file: pq.ParquetFile) -> list[str | None]:
    return file.read(columns=["__key__"]).column("__key__").to_pylist()


def _open(source: Path | RangeFile, url: str) -> pq.ParquetFile:
    """A shard whose columns are the expected ones and unpack to no more than memory holds, as far as it says so."""
    try:
        file = pq.ParquetFile(source)
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{url}: not a readable shard ({error}); fetch or copy it again") from None
    missing = {"__key__", "jp2"} - set(file.schema_arrow.names)
    if missing:
        raise InputError(f"{url}: has no column {' and '.join(sorted(missing))}; is it a shard of RxRx3-core?")
    groups = [file.metadata.row_group(i) for i in range(file.num_row_groups)]
    keys = sum(c.total_uncompressed_size for g in groups for c in _columns(g) if c.path_in_schema == "__key__")
    if keys > _KEYS or any(g.total_byte_size > _ROW_GROUP for g in groups):
        raise InputError(
            f"{url}: would unpack to more than {_ROW_GROUP >> 30} GiB at once; is it a shard of RxRx3-core?"
        )
    return file


def _columns(group: pq.RowGroupMetaData) -> list[pq.ColumnChunkMetaData]:
    return [group.column(i) for i in range(group.num_columns)]


def _neighbour(spec: dict[str, Any], part: str, step: int, own: Path, read: Callable[[pq.ParquetFile], T]) -> T | None:
    """What `read` makes of the shard before (-1) or after (+1); None at the ends and where the host lacks that shard.

    Of a remote shard only the footer and the row groups that are read travel, unless the host sends whole files only:
    then the shard is fetched into the folder `own`, which is removed again.
    """
    index = int(part.split("-")[1]) + step
    if not 0 <= index < spec["shards"]:
        return None
    url = _shard_url(spec, shard_name(index, spec["shards"]))
    local = local_path(url)
    if local is not None:
        return _read(local, url, read) if local.exists() else None
    try:
        return _read(RangeFile(url, policy(spec)), url, read)
    except Missing:
        return None
    except NoRanges:
        fetched = _get(spec, url, own)
    try:
        return _read(fetched.path, url, read)
    finally:
        shutil.rmtree(own, ignore_errors=True)


def _read(source: Path | RangeFile, url: str, read: Callable[[pq.ParquetFile], T]) -> T:
    try:
        with _open(source, url) as file:
            return read(file)
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{url}: not a readable shard ({error}); fetch or copy it again") from None


def _last_field(file: pq.ParquetFile) -> Field | None:
    """The field of a shard's last plane."""
    for group in reversed(range(file.num_row_groups)):
        keys = [key for key in _parse(file.read_row_group(group, columns=["__key__"]).column(0).to_pylist()) if key]
        if keys:
            return keys[-1][:2]
    return None


class _Head(NamedTuple):
    """The field of a shard's first plane and, if it is the wanted one, the rows of its planes by channel."""

    field: Field
    planes: dict[int, int]
    rows: pa.Table | None


def _first_field(file: pq.ParquetFile, wanted: Field) -> _Head | None:
    """The head of a shard: rows that name no plane are passed over; a field may reach over several row groups."""
    field: Field | None = None
    planes: dict[int, int] = {}
    tables: list[pa.Table] = []
    for group in range(file.num_row_groups):
        keys = _parse(file.read_row_group(group, columns=["__key__"]).column(0).to_pylist())
        named = [(row, key) for row, key in enumerate(keys) if key]
        if not named:
            continue
        field = field or named[0][1][:2]
        if field != wanted:
            return _Head(field, {}, None)
        mine = list(takewhile(lambda pair: pair[1][:2] == wanted, named))
        if mine:
            taken = file.read_row_group(group, columns=["__key__", "jp2"]).take([row for row, _ in mine])
            start = sum(table.num_rows for table in tables)
            planes |= {key.channel: start + k for k, (_, key) in enumerate(mine)}
            tables.append(taken)
        if len(mine) < len(named):
            break
    return _Head(field, planes, pa.concat_tables(tables) if tables else None) if field else None


def _continued(spec: dict[str, Any], part: str, head: _Head, cache: Path, raw: Raw) -> dict[int, str]:
    """Channel → URI of the planes at the head of the next shard that belong to this part's last field.

    They go to a small shard of their own, so that a part's raw files are its own.
    """
    url = _shard_url(spec, shard_name(int(part.split("-")[1]) + 1, spec["shards"]))
    path = cached_path(Remote(url, digest=f"head:{part}"), cache)
    with atomic_path(path) as temporary:
        pq.write_table(head.rows.replace_schema_metadata(None), temporary)
    taken = Fetched(path, url, path.stat().st_size, f"sha256:{sha256(path)}")
    where = raw.add(taken, f"{part}.continued.parquet")
    return {channel: f"{where}#{row}" for channel, row in head.planes.items()}


# Other files of the data set ------------------------------------------------------------------------------------------


def released_embeddings(spec: dict[str, Any], cache: Path) -> Fetched:
    """OpenPhenom's embeddings, one row a well (532 MB)."""
    return _get(spec, join(spec["base_url"], EMBEDDINGS), cache)


def truth(spec: dict[str, Any], cache: Path) -> Fetched:
    """The compound-gene truth table: columns gene_symbol, nM_value, treatment and more."""
    fetched = fetch(spec["compound_gene_truth"] or spec["truth_url"], cache, policy(spec))
    with usable(fetched):
        require_columns(read_text_table(fetched.path, fetched.url), TRUTH_COLUMNS, fetched.url)
    return fetched


# What the graph watches -----------------------------------------------------------------------------------------------


def metadata_files(spec: dict[str, Any]) -> list[str]:
    """Locations of the tables that `wells` reads."""
    return [spec["metadata"] or join(spec["base_url"], METADATA)]


def truth_files(spec: dict[str, Any]) -> list[str]:
    return [spec["compound_gene_truth"] or spec["truth_url"]]


def released_files(spec: dict[str, Any]) -> list[str]:
    return [join(spec["base_url"], EMBEDDINGS)]


def state(spec: dict[str, Any], part: str) -> str:
    """Changes when a local shard or one of its neighbours, which may hold planes of its wells, does; else ''."""
    if local_path(spec["base_url"]) is None:
        return ""
    at = int(part.split("-")[1])
    near = range(max(0, at - 1), min(spec["shards"], at + 2))
    return state_of(_shard_url(spec, shard_name(i, spec["shards"])) for i in near)
