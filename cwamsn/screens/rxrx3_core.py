"""RxRx3-core (Recursion, non-commercial terms): 35 Parquet shards of JPEG 2000 planes and one metadata table."""

from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from cwamsn.screens.fetch import Fetched, Missing, fetch, join, local_path, policy
from cwamsn.screens.names import RXRX3_CHANNELS, RxRx3Key, parse_addresses, parse_rxrx3_key
from cwamsn.screens.raw import Acquired, Raw
from cwamsn.screens.text import read_text_table, require_columns
from cwamsn.tables import InputError

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
_COLUMNS = ("well_id", "experiment_name", "plate", "address", "gene", "treatment", "SMILES", "concentration")
_CONTROLS = {"EMPTY_control": "negative", "CRISPR_control": "other"}
TRUTH_COLUMNS = ("gene_symbol", "nM_value", "treatment")


def parts(spec: dict[str, Any]) -> list[str]:
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
    frame = read_text_table(fetched.path, fetched.url)
    require_columns(frame, (*_COLUMNS, "perturbation_type"), fetched.url)
    repeated = frame["well_id"].duplicated()
    if repeated.any():
        row = int(repeated.to_numpy().argmax())
        raise InputError(f"{fetched.url}: row {row}: well_id {frame['well_id'].iloc[row]} stands twice; keep one row")
    frame = frame.replace("", None)
    unknown = ~frame["perturbation_type"].isin(["COMPOUND", "CRISPR"])
    if unknown.any():
        row = int(unknown.to_numpy().argmax())
        raise InputError(f"{fetched.url}: row {row}: perturbation_type must be COMPOUND or CRISPR")
    treatment = frame["treatment"]
    control = treatment.map(_CONTROLS).astype(object)
    frame = frame.assign(
        screen=screen,
        experiment=frame["experiment_name"],
        control=control.where(control.notna(), None),
        perturbation=treatment.str.split("_").str[0].where(control.isna(), treatment),
        guide=treatment.where(treatment.str.contains("_guide_", na=False), None),
        gene=frame["gene"].where(control.isna(), None),
        smiles=frame["SMILES"],
        inchikey=inchikeys(frame["SMILES"]),
        concentration=_concentration(frame["concentration"], fetched.url),
        split=None,
        **parse_addresses(frame["address"], fetched.url),
    )
    return frame, {"files": [fetched.entry()], "notes": [f"{len(frame)} wells, no split"]}


def _concentration(column: pd.Series, source: str) -> pd.Series:
    values = pd.to_numeric(column, errors="coerce")
    bad = column.notna() & values.isna()
    if bad.any():
        row = int(bad.to_numpy().argmax())
        raise InputError(f"{source}: row {row}: concentration {column.iloc[row]!r} is no number (µM)")
    return values


# Fields ---------------------------------------------------------------------------------------------------------------


def acquire(spec: dict[str, Any], part: str, wells: pd.DataFrame, cache: Path, raw: Raw) -> Acquired:
    """Fetch shard `part`; the fields whose first plane lies in it, completed from the next shard."""
    found = Acquired(RXRX3_CHANNELS)
    shard = _shard(spec, part, cache)
    path = raw.add(shard, f"{part}.parquet")
    rows = _keys(shard)
    planes: dict[tuple[str, int], dict[int, str]] = {}
    unreadable = 0
    for row, key in rows:
        if key is None or not 1 <= key.channel <= len(RXRX3_CHANNELS):
            unreadable += 1
            continue
        planes.setdefault((key.well_id, key.site), {})[key.channel] = f"{path}#{row}"
    if unreadable:
        print(f"{part}: {unreadable} rows whose __key__ names no plane (experiment/Plate1/A01_s1_1) are left out")
    if not planes:
        raise InputError(f"{shard.url}: no row names a plane in __key__; is it a shard of RxRx3-core?")
    first, last = next(iter(planes)), list(planes)[-1]
    if len(planes[first]) < len(RXRX3_CHANNELS) and _ends_with(spec, part, -1, first, cache):
        del planes[first]  # begins in the shard before, which owns it
    if last in planes and len(planes[last]) < len(RXRX3_CHANNELS):
        planes[last] |= _continued(spec, part, last, cache, raw)
    known = dict(zip(wells["well_id"], wells["plate"]))
    for (well_id, site), found_planes in planes.items():
        missing = [name for c, name in enumerate(RXRX3_CHANNELS, 1) if c not in found_planes]
        field_id = f"{well_id}_s{site}"
        if well_id not in known:
            found.skip(field_id, well_id, well_id.split("_")[-2], site, "well without a row in the metadata")
        elif missing:
            found.skip(field_id, well_id, known[well_id], site, f"no image of channel {', '.join(missing)}")
        else:
            uris = {f"uri_{name}": found_planes[c] for c, name in enumerate(RXRX3_CHANNELS, 1)}
            found.fields.append({"field_id": field_id, "well_id": well_id, "site": site} | uris)
    return found


def _shard(spec: dict[str, Any], part: str, cache: Path) -> Fetched:
    return _get(spec, join(spec["base_url"], "data", f"{part}.parquet"), cache)


def _keys(shard: Fetched) -> list[tuple[int, RxRx3Key | None]]:
    """(row, parsed key) of every row."""
    try:
        column = pq.read_table(shard.path, columns=["__key__"]).column(0)
    except (pa.ArrowInvalid, OSError, KeyError) as error:
        raise InputError(f"{shard.url}: not a readable shard ({error}); fetch or copy it again") from None
    return [(row, parse_rxrx3_key(key or "")) for row, key in enumerate(column.to_pylist())]


def _neighbour(spec: dict[str, Any], part: str, step: int, cache: Path) -> Fetched | None:
    """The shard before (-1) or after (+1), None at the ends and where the host lacks it."""
    index = int(part.split("-")[1]) + step
    if not 0 <= index < spec["shards"]:
        return None
    try:
        return _shard(spec, shard_name(index, spec["shards"]), cache)
    except Missing:
        return None


def _ends_with(spec: dict[str, Any], part: str, step: int, field: tuple[str, int], cache: Path) -> bool:
    """Whether the shard before ends with a plane of `field`."""
    before = _neighbour(spec, part, step, cache)
    key = _keys(before)[-1][1] if before else None
    return key is not None and (key.well_id, key.site) == field


def _continued(spec: dict[str, Any], part: str, field: tuple[str, int], cache: Path, raw: Raw) -> dict[int, str]:
    """Channel → URI of the planes of `field` that stand at the head of the next shard."""
    after = _neighbour(spec, part, 1, cache)
    if after is None:
        return {}
    planes = {}
    for row, key in _keys(after):
        if key is None or (key.well_id, key.site) != field:
            break
        planes[key.channel] = row
    if not planes:
        return {}
    path = raw.add(after, f"{shard_name(int(part.split('-')[1]) + 1, spec['shards'])}.parquet")
    return {channel: f"{path}#{row}" for channel, row in planes.items()}


# Other files of the data set ------------------------------------------------------------------------------------------


def released_embeddings(spec: dict[str, Any], cache: Path) -> Fetched:
    """OpenPhenom's embeddings, one row a well (532 MB)."""
    return _get(spec, join(spec["base_url"], EMBEDDINGS), cache)


def truth(spec: dict[str, Any], cache: Path) -> Fetched:
    """The compound-gene truth table: columns gene_symbol, nM_value, treatment and more."""
    fetched = fetch(spec["compound_gene_truth"] or spec["truth_url"], cache, policy(spec))
    require_columns(read_text_table(fetched.path, fetched.url), TRUTH_COLUMNS, fetched.url)
    return fetched
