"""Embeddings and maps that come from a file: matched with the wells of the evaluation screen, counted, checked."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from cwamsn.embeddings import columns, formats
from cwamsn.embeddings.degenerate import refuse_degenerate
from cwamsn.errors import InputError
from cwamsn.files import sha256
from cwamsn.notes import note
from cwamsn.tables import check, feature_columns

CELLCLIP_PLATE = re.compile(r"_plate(?=\d+_)")  # compound-001_Plate1_AA15 → compound-001_1_AA15
ADDRESS = re.compile(r"(.*?)([a-z]{1,2})[-_]?0*([0-9]{1,2})")  # ends in A1, a01, A-01


def read_embeddings(
    path: str | Path, entry: dict[str, Any], wells: pd.DataFrame, max_missing_share: float = 0.05
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Read an embeddings file and match it with `wells` by well_id.

    Several rows of a well are averaged; wells that the screen does not know are left out.

    Parameters
    ----------
    path : file of a format that `cwamsn.embeddings.formats` knows
    entry : the row's entry in the configuration (format, well_column, feature_columns, sha256; all may be absent)
    wells : wells table of the evaluation screen
    max_missing_share : largest share of `wells` that may be missing from the file

    Returns
    -------
    Embeddings (contract `embeddings`) sorted by well_id, and the counts `wells`, `rows`, `matched`, `missing`,
    `surplus` (rows of unknown wells) and `repeated` (wells with several rows).

    Raises InputError for an unreadable file, a NaN or infinite feature, or too many missing wells.
    """
    path = Path(path)
    check_digest(path, entry)
    names = pd.Index(np.sort(wells["well_id"].to_numpy(dtype=object)))
    source = formats.open_source(path, entry)
    place, spelt = match(source.ids, names)
    known = place >= 0
    hits = np.bincount(place[known], minlength=len(names))
    present = hits > 0
    counts = {
        "wells": len(names),
        "rows": len(place),
        "matched": int(present.sum()),
        "missing": int((~present).sum()),
        "surplus": int((~known).sum()),
        "repeated": int((hits > 1).sum()),
    }
    check_missing(path, counts, max_missing_share, names[~present], source.ids[~known])
    _say_counts(path, counts, names[~present], source.ids[~known], source.ids[spelt])
    repeated = counts["repeated"] > 0
    values = np.zeros((len(names), source.n_features), dtype=np.float64 if repeated else np.float32)
    for rows, columns_, block in source.pieces:
        _check_finite(path, source.ids[rows], block, rows.start, source.names[columns_])
        inside = known[rows]
        to, block = place[rows][inside], block[inside] if not inside.all() else block
        if repeated:
            np.add.at(values[:, columns_], to, block)
        else:
            values[to, columns_] = block
    if repeated:
        values = np.divide(values, np.maximum(hits, 1)[:, None], out=values).astype(np.float32)
    if not present.all():
        names, values = names[present], values[present]
    refuse_degenerate(path, values, names, "wells", features=source.names)
    return features_frame(names, values), counts


def features_frame(well_ids, values: np.ndarray) -> pd.DataFrame:
    """Embeddings table of ids (N,) and `values` (N, D), which are not copied."""
    frame = pd.DataFrame(values, columns=[f"feature_{i}" for i in range(values.shape[1])], copy=False)
    frame.insert(0, "well_id", np.asarray(well_ids, dtype=object))
    return frame


def match(ids: np.ndarray, names: pd.Index) -> tuple[np.ndarray, np.ndarray]:
    """(n,) place of each id in `names`, -1 where unknown; and (n,) whether it was found by another spelling.

    Other spellings: A1 or a01 for A01, `Plate1` for `1`, `/` for `_`, a suffix .npz (CellCLIP).
    """
    place = names.get_indexer(ids)
    spelt = np.zeros(len(ids), dtype=bool)
    unknown = np.flatnonzero(place < 0)
    if len(unknown):
        plain = pd.Index([plain_id(name) for name in names])
        if plain.is_unique:  # else two wells would be one
            place[unknown] = plain.get_indexer([plain_id(i) for i in ids[unknown]])
            spelt[unknown] = place[unknown] >= 0
    return place, spelt


def plain_id(text: str) -> str:
    """A well id without what people spell differently: case, separators, the zero of A01."""
    text = str(text).strip().lower().removesuffix(".npz").replace("/", "_").replace(" ", "_")
    text = CELLCLIP_PLATE.sub("_", text)
    found = ADDRESS.fullmatch(text)
    return f"{found[1]}{found[2]}{int(found[3])}" if found else text


def _say_counts(path: Path, counts: dict[str, int], missing, surplus, spelt) -> None:
    """Say what of the file and of the screen found no counterpart."""
    if len(spelt):
        note(f"{path.name}: {len(spelt)} well ids are matched by another spelling (such as {spelt[0]})")
    if len(missing):
        note(f"{path.name}: {len(missing)} of {counts['wells']} wells have no embedding (such as {missing[0]})")
    if len(surplus):
        note(f"{path.name}: {len(surplus)} rows are no wells of the evaluation screen (such as {surplus[0]}), left out")
    if counts["repeated"]:
        note(f"{path.name}: {counts['repeated']} wells have several rows, which are averaged")


def count_wells(frame: pd.DataFrame, wells: pd.DataFrame, allowed: float, source: str | Path) -> dict[str, int]:
    """Counts as `read_embeddings` gives them, for embeddings made here; raises InputError as it does."""
    missing = np.setdiff1d(wells["well_id"].to_numpy(dtype=str), frame["well_id"].to_numpy(dtype=str))
    matched = len(wells) - len(missing)
    counts = {"wells": len(wells), "rows": len(frame), "matched": matched, "missing": len(missing)}
    counts |= {"surplus": len(frame) - matched, "repeated": 0}
    check_missing(source, counts, allowed, missing)
    return counts


def check_missing(path: Path | str, counts: dict[str, int], allowed: float, missing, unknown=()) -> None:
    """Raise InputError when more than the share `allowed` of the wells is missing; shows one id of each side."""
    example = f"; the file has {unknown[0]}, which is no well of the screen" if len(unknown) else ""
    if counts["matched"] == 0:
        wanted = f", such as {missing[0]}" if len(missing) else ""
        raise InputError(
            f"{path}: none of its {counts['rows']} rows is a well of the evaluation screen{wanted}{example}; "
            "check well ids"
        )
    if counts["missing"] > allowed * counts["wells"]:
        raise InputError(
            f"{path}: {counts['missing']} of {counts['wells']} wells have no embedding (first: {missing[0]}), "
            f"more than max_missing_share {allowed} allows{example}; complete the file or raise max_missing_share"
        )


def check_digest(path: Path, entry: dict[str, Any]) -> None:
    """Raise InputError when `entry` states a sha256 that `path` does not have."""
    wanted = entry.get("sha256")
    if wanted and path.is_file() and sha256(path) != wanted.lower():
        raise InputError(f"{path}: its sha256 is {sha256(path)}, not the {wanted} that is configured; fetch it again")


def _check_finite(path: Path, ids: np.ndarray, block: np.ndarray, first_row: int, names: list[str]) -> None:
    bad = ~np.isfinite(block)
    if not bad.any():
        return
    empty = bad.all(axis=0) if len(block) > 1 else np.zeros(block.shape[1], dtype=bool)
    if empty.any() and names:
        raise InputError(
            f"{path}: column {names[int(empty.argmax())]!r} holds no finite number; remove it or set feature_columns"
        )
    i = int(bad.any(axis=1).argmax())
    column = f", column {names[int(bad[i].argmax())]!r}" if names else ""
    raise InputError(
        f"{path}: NaN or infinite feature in row {first_row + i} ({ids[i]}){column}; correct or leave out the row"
    )


def load_features(path: str | Path, wells: pd.DataFrame) -> tuple[np.ndarray, pd.DataFrame]:
    """The embeddings file of a run as an array (N, D) float32, and its N wells in the same order.

    Raises InputError when it holds a well that `wells` does not.
    """
    path = Path(path)
    source = formats.open_source(path, {"format": "parquet"})
    ids, values = source.ids, np.empty((len(source.ids), source.n_features), dtype=np.float32)
    for rows, columns_, block in source.pieces:
        values[rows, columns_] = block
    refuse_degenerate(path, values, ids, "wells", say=False)
    place = pd.Index(wells["well_id"]).get_indexer(ids)
    if (place < 0).any():
        unknown = ids[int((place < 0).argmax())]
        raise InputError(f"{path}: well {unknown} is not in the wells table; make the embeddings again")
    return values, wells.iloc[place].reset_index(drop=True)


def read_map(path: str | Path, entry: dict[str, Any]) -> tuple[pd.DataFrame, dict[str, int]]:
    """Read a finished map, one vector a perturbation, and say how many rows it has.

    `entry` gives perturbation_column, perturbation_type, feature_columns, array, format and sha256. The file's columns
    `perturbation_type`, `concentration` (µM) and `n_wells` are used where it has them. Returns the map (contract `map`)
    sorted by its key. Raises InputError for an unreadable file, NaN, what is no number, a missing or a repeated
    perturbation, and for a map that tells its perturbations not apart.
    """
    path = Path(path)
    check_digest(path, entry)
    column = entry.get("perturbation_column") or "perturbation"
    given, features = _table(path, entry, column)
    values = np.column_stack([formats.to_float(path, name, given.column(name)) for name in features])
    values = values.astype(np.float64)
    names = _names(path, given, column)
    kind = entry.get("perturbation_type") or "CRISPR"
    keyed = {
        "perturbation_type": _types(path, given, kind),
        "perturbation": names,
        "concentration": _number(path, given, MAP_KEYS[1], np.nan, "a number in µM"),
        "n_wells": _number(path, given, MAP_KEYS[2], 1, "a whole number", whole=True),
    }
    frame = pd.DataFrame(keyed)
    with np.errstate(over="ignore"):  # squares of what float32 cannot hold are infinite
        _check_finite(path, names, values.astype(np.float32), 0, features)
    refuse_degenerate(path, values, names, "perturbations", features=features)
    frame = pd.concat([frame, pd.DataFrame(values, columns=[f"feature_{i}" for i in range(len(features))])], axis=1)
    frame["n_wells"] = frame["n_wells"].astype("Int32")
    frame = check(frame, "map", path)
    frame = frame.sort_values(["perturbation_type", "perturbation", "concentration"], kind="stable")
    return frame.reset_index(drop=True), {"rows": len(frame), "features": len(feature_columns(frame.columns))}


MAP_KEYS = ("perturbation_type", "concentration", "n_wells")


def _names(path: Path, given: pa.Table, column: str) -> np.ndarray:
    """Perturbations as text, None where a row has none."""
    values = given.column(column)
    if pa.types.is_floating(values.type):
        raise InputError(f"{path}: {column} holds numbers ({values[0]}); gene symbols or compound names are needed")
    texts = values.cast(pa.string()).to_pylist()
    return np.array([text.strip() or None if text is not None else None for text in texts], dtype=object)


def _types(path: Path, given: pa.Table, default: str) -> list[str] | str:
    """`perturbation_type` of each row, whatever its case."""
    if MAP_KEYS[0] not in given.column_names:
        return default
    texts = [str(text).strip().upper() for text in given.column(MAP_KEYS[0]).to_pylist()]
    known = [text in ("CRISPR", "COMPOUND") for text in texts]
    if not all(known):
        row = known.index(False)
        raise InputError(f"{path}: row {row} has perturbation_type {texts[row]!r}; it is CRISPR or COMPOUND")
    return texts


def _number(path: Path, given: pa.Table, name: str, default: float, what: str, whole: bool = False):
    """A key column as numbers; one line where it holds text, a dose with its unit for instance."""
    if name not in given.column_names:
        return default
    column = given.column(name)
    texts = columns.cleaned(column.cast(pa.string()))
    numbers = pd.to_numeric(pd.Series(texts.to_pylist(), dtype=object), errors="coerce")
    numbers = numbers.to_numpy(float)
    wrong = ~np.isfinite(numbers) | (numbers < 0) | (numbers % 1 != 0 if whole else False)
    bad = wrong & np.array(texts.is_valid())
    if bad.any():
        row = int(bad.argmax())
        raise InputError(f"{path}: row {row} has {name} {texts[row].as_py()!r}; {what} is needed, without a unit")
    return numbers


def _table(path: Path, entry: dict[str, Any], column: str) -> tuple[pa.Table, list[str]]:
    """A small table of any accepted format, and its feature columns."""
    kind, wanted = formats.file_format(path, entry), entry.get("feature_columns")
    with formats.refusing(path, kind):
        if kind in ("npz", "h5"):
            source = formats.open_source(path, {**entry, "well_column": column})
            values = np.concatenate([block for _, _, block in source.pieces])
            return _dense_table(column, source.ids, values)
        if kind == "h5ad":
            return _annotated_table(path, entry, column)
        table = pq.read_table(path) if kind == "parquet" else _csv_table(path, column)
        if not len(table):
            raise InputError(f"{path}: has no row; fill it in")
        if column not in table.column_names:
            listed = ", ".join(table.column_names[:8])
            raise InputError(f"{path}: no column {column!r} among {listed}; set perturbation_column")
        keys = [column, *(k for k in MAP_KEYS if k != column), *formats.index_columns(table.schema)]
        return table, columns.choose(path, wanted, table.schema, keys, table.column)


def _csv_table(path: Path, column: str) -> pa.Table:
    """A CSV file whose types are told by all of it; the perturbations stay text (`NA` and `1` are names)."""
    times = 16 if path.suffix.lower() == ".gz" else 1  # compressed text is longer than its file
    block = pacsv.ReadOptions(block_size=min(max(times * path.stat().st_size + 1, 1 << 20), 2**31 - 1))
    convert = pacsv.ConvertOptions(column_types={column: pa.string()})
    table = pacsv.read_csv(path, block, formats.csv_dialect(path), convert)
    return formats.without_empty_rows(table, column) if column in table.column_names else table


def _annotated_table(path: Path, entry: dict[str, Any], column: str) -> tuple[pa.Table, list[str]]:
    """Vectors and the keys of obs; its other columns (counts, clusters) are no features."""
    import anndata

    data = anndata.read_h5ad(path)
    if column in data.obs:
        ids = data.obs[column].astype(object).to_numpy()
    elif data.obs.index.name == column:
        ids = data.obs_names.to_numpy(dtype=object)
    else:
        listed = ", ".join(data.obs.columns[:8])
        raise InputError(
            f"{path}: no column {column!r} in obs ({listed or 'it has none'}); set perturbation_column, or give the "
            f"index of obs that name (obs.index.name = {column!r})"
        )
    values, _ = formats.annotated_array(path, data, entry)
    if values.dtype.kind not in "fiu":
        raise InputError(f"{path}: its vectors are of type {values.dtype}; real numbers are needed")
    table, features = _dense_table(column, ids, values)
    for key in MAP_KEYS:
        if key in data.obs and key != column:
            table = table.append_column(key, pa.array(data.obs[key].astype(object).to_numpy(), from_pandas=True))
    others = [c for c in map(str, data.obs.columns) if c not in (column, *MAP_KEYS)]
    if others:
        note(f"{path.name}: {len(others)} columns of obs are not taken as features: {columns.shown(others)}")
    return table, features


def _dense_table(column: str, ids: np.ndarray, values: np.ndarray) -> tuple[pa.Table, list[str]]:
    features = [f"feature_{i}" for i in range(values.shape[1])]
    table = pa.table([pa.array(ids, from_pandas=True), *np.asarray(values, np.float64).T], names=[column, *features])
    return table, features
