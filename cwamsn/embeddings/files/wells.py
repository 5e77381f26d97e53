"""Embeddings of wells from a file: matched with the wells of the evaluation screen, counted, checked."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cwamsn.embeddings.files.degenerate import refuse_degenerate
from cwamsn.embeddings.files.formats import open_source
from cwamsn.embeddings.files.match import check_missing, match, note_counts
from cwamsn.embeddings.files.source import KEYS, Source
from cwamsn.embeddings.options import WellsFile
from cwamsn.errors import InputError
from cwamsn.files import sha256
from cwamsn.notes import note


def read_embeddings(
    path: str | Path, entry: Mapping[str, Any] | WellsFile, wells: pd.DataFrame, max_missing_share: float = 0.05
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Read an embeddings file and match it with `wells` by well_id, or by plate and well.

    Several rows of one well are averaged; rows of wells that the screen does not have are left out.

    Parameters
    ----------
    path : file of a format that :mod:`cwamsn.embeddings.files.formats` knows
    entry : how to read it; a mapping may have the keys of :class:`~cwamsn.embeddings.options.WellsFile`, or none
    wells : wells table of the evaluation screen
    max_missing_share : largest share of `wells` that may be missing from the file

    Returns
    -------
    Embeddings (contract `embeddings`) sorted by well_id, and the counts `wells`, `rows`, `matched`, `missing`,
    `surplus` (rows of unknown wells) and `repeated` (wells with several rows); where `on_missing` is `drop`, also
    `undefined` (rows that hold NaN, left out).

    Raises
    ------
    InputError
        For an unreadable file, a NaN or infinite feature, or too many missing wells.
    """
    return read_named_embeddings(path, entry, wells, max_missing_share)[:2]


def read_named_embeddings(
    path: str | Path, entry: Mapping[str, Any] | WellsFile, wells: pd.DataFrame, max_missing_share: float = 0.05
) -> tuple[pd.DataFrame, dict[str, int], list[str]]:
    """As :func:`read_embeddings`, and the file's names of the features in order; none where it has none."""
    path, entry = Path(path), entry if isinstance(entry, WellsFile) else WellsFile.from_config(entry)
    check_digest(path, entry.sha256)
    wells = wells.sort_values("well_id")
    names = pd.Index(wells["well_id"].to_numpy(dtype=object))
    source = open_source(path, entry)
    place, spelt = place_of(path, source, wells)
    known = place >= 0
    dropping = entry.on_missing == "drop"
    if dropping:
        source, undefined = without_undefined(path, source)
        known &= ~undefined
    hits = np.bincount(place[known], minlength=len(names))
    present = hits > 0
    counts = {
        "wells": len(names),
        "rows": len(place),
        "matched": int(present.sum()),
        "missing": int((~present).sum()),
        "surplus": int((place < 0).sum()),
        "repeated": int((hits > 1).sum()),
    }
    if dropping:
        counts["undefined"] = int(undefined.sum())
        if counts["undefined"]:
            example = source.ids[int(undefined.argmax())]
            note(f"{path.name}: {counts['undefined']} rows with NaN or infinite values are left out (as {example})")
    surplus = source.ids[place < 0]
    check_missing(path, counts, 1.0 if dropping else max_missing_share, names[~present], surplus)
    note_counts(path, counts, names[~present], surplus, source.ids[spelt])
    repeated = counts["repeated"] > 0
    values = np.zeros((len(names), source.n_features), dtype=np.float64 if repeated else np.float32)
    for rows, columns_, block in source.pieces:
        check_finite(path, source.ids[rows], block, rows.start, source.names[columns_])
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
    return features_frame(names, values), counts, source.names


def place_of(path: Path, source: Source, wells: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """As :func:`match`: where each row of the file is among `wells`, by id or by plate and well.

    A plate goes by the name that files have, or by its barcode as the user wrote it.
    """
    if source.key == KEYS[1]:
        return match(source.ids, pd.Index(wells["well_id"].to_numpy(dtype=object)))
    place = np.full(len(source.ids), -1)
    spelt = np.zeros(len(source.ids), dtype=bool)
    for plate in [name for name in ("plate", "barcode") if name in wells]:
        columns = [wells[plate if name == "plate" else name].astype(object) for name in source.key]
        names = pd.Index(["_".join(map(str, row)) for row in zip(*columns)])
        if not names.is_unique:
            example = names[names.duplicated()][0]
            raise InputError(
                f"{path}: {example} is several wells of the screen, whose experiments have plates of one name; name "
                "the column of the experiment too, well_column: [experiment, plate, well], or one of well ids"
            )
        rows = np.flatnonzero(place < 0)
        place[rows], spelt[rows] = match(source.ids[rows], names)
    return place, spelt


def without_undefined(path: Path, source: Source) -> tuple[Source, np.ndarray]:
    """The file with 0 in place of what is NaN or infinite, and (N,) bool, which rows held such a value.

    Raises InputError for a column that holds nothing else.
    """
    values = np.zeros((len(source.ids), source.n_features), dtype=np.float32)
    undefined = np.zeros(len(values), dtype=bool)
    filled = np.zeros(source.n_features, dtype=bool)  # a piece may be the rows of a plate that failed as a whole
    for rows, columns_, block in source.pieces:
        good = np.isfinite(block)
        filled[columns_] |= good.any(axis=0)
        undefined[rows] |= ~good.all(axis=1)
        values[rows, columns_] = np.where(good, block, 0)
    if not filled.all():
        column = source.names[int((~filled).argmax())] if source.names else int((~filled).argmax())
        raise InputError(f"{path}: column {column!r} holds no finite number; remove it or set feature_columns")
    whole = (slice(0, len(values)), slice(0, source.n_features), values)
    return replace(source, pieces=iter([whole])), undefined


def load_features(path: str | Path, wells: pd.DataFrame) -> tuple[np.ndarray, pd.DataFrame]:
    """Read an embeddings file of a run.

    Parameters
    ----------
    path : Parquet, contract `embeddings`
    wells : wells table of its screen

    Returns
    -------
    Features (N, D) float32, and the N wells in the same order, their index starting at 0.

    Raises
    ------
    InputError
        When the file holds a well that `wells` does not, or vectors that tell nothing apart.
    """
    path = Path(path)
    source = open_source(path, WellsFile(format="parquet"))
    ids, values = source.ids, np.empty((len(source.ids), source.n_features), dtype=np.float32)
    for rows, columns_, block in source.pieces:
        values[rows, columns_] = block
    refuse_degenerate(path, values, ids, "wells", say=False)
    place = pd.Index(wells["well_id"]).get_indexer(ids)
    if (place < 0).any():
        unknown = ids[int((place < 0).argmax())]
        raise InputError(f"{path}: well {unknown} is not in the wells table; recompute the embeddings")
    return values, wells.iloc[place].reset_index(drop=True)


def features_frame(well_ids: np.ndarray | pd.Index, values: np.ndarray) -> pd.DataFrame:
    """Embeddings table of ids (N,) and `values` (N, D), which are not copied."""
    frame = pd.DataFrame(values, columns=[f"feature_{i}" for i in range(values.shape[1])], copy=False)
    frame.insert(0, "well_id", np.asarray(well_ids, dtype=object))
    return frame


def check_digest(path: Path, wanted: str | None) -> None:
    """Raise InputError when `path` has another SHA-256 than the one wanted, if any."""
    if wanted and path.exists() and sha256(path) != wanted.lower():
        raise InputError(
            f"{path}: its sha256 is {sha256(path)}, not the {wanted} that is configured; download it again"
        )


def check_finite(path: Path, ids: np.ndarray, block: np.ndarray, first_row: int, names: list[str]) -> None:
    """Raise InputError for a NaN or infinite value of `block` (n, k), naming row, id and column."""
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
