"""Embeddings and maps that come from a file: matched with the wells of the evaluation screen, counted, checked."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cwamsn.embeddings import formats
from cwamsn.files import sha256
from cwamsn.tables import InputError, check, feature_columns

CELLCLIP_PLATE = re.compile(r"_Plate(?=\d+_)")  # compound-001_Plate1_AA15 → compound-001_1_AA15


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
    place = match(source.ids, names)
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
    check_missing(path, counts, max_missing_share, names[~present])
    repeated = counts["repeated"] > 0
    values = np.zeros((len(names), source.n_features), dtype=np.float64 if repeated else np.float32)
    for rows, columns, block in source.pieces:
        _check_finite(path, source.ids[rows], block, rows.start)
        inside = known[rows]
        to, block = place[rows][inside], block[inside] if not inside.all() else block
        if repeated:
            np.add.at(values[:, columns], to, block)
        else:
            values[to, columns] = block
    if repeated:
        values = np.divide(values, np.maximum(hits, 1)[:, None], out=values).astype(np.float32)
    if not present.all():
        names, values = names[present], values[present]
    return features_frame(names, values), counts


def features_frame(well_ids, values: np.ndarray) -> pd.DataFrame:
    """Embeddings table of ids (N,) and `values` (N, D), which are not copied."""
    frame = pd.DataFrame(values, columns=[f"feature_{i}" for i in range(values.shape[1])], copy=False)
    frame.insert(0, "well_id", np.asarray(well_ids, dtype=object))
    return frame


def match(ids: np.ndarray, names: pd.Index) -> np.ndarray:
    """(n,) place of each id in `names`, -1 where unknown; ids spelt as CellCLIP does are recognised."""
    place = names.get_indexer(ids)
    for i in np.flatnonzero(place < 0):
        other = CELLCLIP_PLATE.sub("_", str(ids[i])).removesuffix(".npz")
        if other != ids[i] and other in names:
            place[i] = names.get_loc(other)
    return place


def count_wells(frame: pd.DataFrame, wells: pd.DataFrame, allowed: float, source: str | Path) -> dict[str, int]:
    """Counts as `read_embeddings` gives them, for embeddings made here; raises InputError as it does."""
    missing = np.setdiff1d(wells["well_id"].to_numpy(dtype=str), frame["well_id"].to_numpy(dtype=str))
    matched = len(wells) - len(missing)
    counts = {"wells": len(wells), "rows": len(frame), "matched": matched, "missing": len(missing)}
    counts |= {"surplus": len(frame) - matched, "repeated": 0}
    check_missing(source, counts, allowed, missing)
    return counts


def check_missing(path: Path | str, counts: dict[str, int], allowed: float, missing) -> None:
    """Raise InputError when more than the share `allowed` of the wells is missing."""
    if counts["matched"] == 0:
        raise InputError(
            f"{path}: none of its {counts['rows']} rows is a well of the evaluation screen; check well ids"
        )
    if counts["missing"] > allowed * counts["wells"]:
        raise InputError(
            f"{path}: {counts['missing']} of {counts['wells']} wells have no embedding (first: {missing[0]}), "
            f"more than max_missing_share {allowed} allows; complete the file or raise max_missing_share"
        )


def check_digest(path: Path, entry: dict[str, Any]) -> None:
    """Raise InputError when `entry` states a sha256 that `path` does not have."""
    wanted = entry.get("sha256")
    if wanted and path.is_file() and sha256(path) != wanted.lower():
        raise InputError(f"{path}: its sha256 is {sha256(path)}, not the {wanted} that is configured; fetch it again")


def _check_finite(path: Path, ids: np.ndarray, block: np.ndarray, first_row: int) -> None:
    bad = ~np.isfinite(block)
    if bad.any():
        i = int(bad.any(axis=1).argmax())
        raise InputError(
            f"{path}: NaN or infinite feature in row {first_row + i} ({ids[i]}); mend or leave out the row"
        )


def load_features(path: str | Path, wells: pd.DataFrame) -> tuple[np.ndarray, pd.DataFrame]:
    """The embeddings file of a run as an array (N, D) float32, and its N wells in the same order.

    Raises InputError when it holds a well that `wells` does not.
    """
    path = Path(path)
    source = formats.open_source(path, {"format": "parquet"})
    ids, values = source.ids, np.empty((len(source.ids), source.n_features), dtype=np.float32)
    for rows, columns, block in source.pieces:
        values[rows, columns] = block
    place = pd.Index(wells["well_id"]).get_indexer(ids)
    if (place < 0).any():
        unknown = ids[int((place < 0).argmax())]
        raise InputError(f"{path}: well {unknown} is not in the wells table; make the embeddings again")
    return values, wells.iloc[place].reset_index(drop=True)


def read_map(path: str | Path, entry: dict[str, Any]) -> tuple[pd.DataFrame, dict[str, int]]:
    """Read a finished map, one vector a perturbation, and say how many rows it has.

    `entry` gives perturbation_column, perturbation_type, feature_columns, format and sha256. The file's columns
    `perturbation_type`, `concentration` (µM) and `n_wells` are used where it has them. Returns the map (contract `map`)
    sorted by its key. Raises InputError for an unreadable file, NaN, a missing or a repeated perturbation.
    """
    path = Path(path)
    check_digest(path, entry)
    column = entry.get("perturbation_column") or "perturbation"
    given = _table(path, entry)
    given.columns = given.columns.astype(str)
    if column not in given:
        raise InputError(f"{path}: no column {column!r} among {', '.join(given.columns[:8])}; set perturbation_column")
    keys = ["perturbation_type", "concentration", "n_wells"]
    others = [c for c in given.columns if c not in (column, *keys)]
    numeric = [c for c in others if pd.api.types.is_numeric_dtype(given[c])]
    chosen = formats.choose_features(path, entry.get("feature_columns"), others, numeric)
    try:
        values = given[chosen].to_numpy(dtype=np.float64)
    except ValueError as error:
        raise InputError(f"{path}: a feature is not a number ({error}); set feature_columns") from error
    frame = pd.DataFrame(values, columns=[f"feature_{i}" for i in range(len(chosen))])
    kind = entry.get("perturbation_type") or "CRISPR"
    keyed = {
        "perturbation_type": given["perturbation_type"] if keys[0] in given else pd.Series(kind, index=given.index),
        "perturbation": given[column],
        "concentration": given["concentration"].astype(float) if keys[1] in given else np.nan,
        "n_wells": given["n_wells"] if keys[2] in given else 1,
    }
    frame = pd.concat([pd.DataFrame(keyed).reset_index(drop=True), frame], axis=1)
    frame = check(frame, "map", path)
    frame = frame.sort_values(["perturbation_type", "perturbation", "concentration"], kind="stable")
    return frame.reset_index(drop=True), {"rows": len(frame), "features": len(feature_columns(frame.columns))}


def _table(path: Path, entry: dict[str, Any]) -> pd.DataFrame:
    """A small table of any accepted format as a frame."""
    kind = formats.file_format(path, entry)
    column = entry.get("perturbation_column") or "perturbation"
    try:
        if kind == "parquet":
            return pd.read_parquet(path)
        if kind == "csv":
            return pd.read_csv(path, low_memory=False)
        if kind == "h5ad":
            import anndata

            data = anndata.read_h5ad(path)
            return pd.concat([data.obs, data.to_df()], axis=1)
    except Exception as error:  # each library has its own ways to refuse a damaged file
        raise InputError(
            f"{path}: not readable as {kind} ({' '.join(str(error).split())[:200]}); is it whole?"
        ) from error
    vectors = {**entry, "well_column": column}
    source = formats.open_source(path, vectors)
    values = np.concatenate([block for _, _, block in source.pieces])
    frame = pd.DataFrame(values.astype(np.float64)).add_prefix("feature_")
    frame.insert(0, column, source.ids)
    return frame
