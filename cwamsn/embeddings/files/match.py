"""Rows of a file matched with the wells of a screen by well_id, and what is counted of them."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pandas as pd

from cwamsn.errors import InputError
from cwamsn.notes import note

CELLCLIP_PLATE = re.compile(r"_plate(?=\d+_)")  # compound-001_Plate1_AA15 → compound-001_1_AA15
ADDRESS = re.compile(r"(.*?)([a-z]{1,2})[-_]?0*([0-9]{1,2})")  # ends in A1, a01, A-01

Ids: TypeAlias = Sequence[str] | np.ndarray | pd.Index


def match(ids: np.ndarray, names: pd.Index) -> tuple[np.ndarray, np.ndarray]:
    """Find each of `ids` (n,) in `names`.

    Other spellings are found too: A1 or a01 for A01, `Plate1` for `1`, `/` for `_`, a suffix .npz (CellCLIP).

    Returns
    -------
    (n,) int, position of each id in `names`, -1 where unknown; (n,) bool, whether it was found by another spelling.
    """
    place = names.get_indexer(ids)
    spelt = np.zeros(len(ids), dtype=bool)
    unknown = np.flatnonzero(place < 0)
    if len(unknown):
        plain = pd.Index([plain_id(name) for name in names])
        if plain.is_unique:  # otherwise two wells would become one
            place[unknown] = plain.get_indexer([plain_id(i) for i in ids[unknown]])
            spelt[unknown] = place[unknown] >= 0
    return place, spelt


def plain_id(text: str) -> str:
    """A well id without what varies between spellings: case, separators, the zero of A01."""
    text = str(text).strip().lower().removesuffix(".npz").replace("/", "_").replace(" ", "_")
    text = CELLCLIP_PLATE.sub("_", text)
    found = ADDRESS.fullmatch(text)
    return f"{found[1]}{found[2]}{int(found[3])}" if found else text


def note_counts(path: Path, counts: Mapping[str, int], missing: Ids, surplus: Ids, spelt: Ids) -> None:
    """Note which rows of the file and which wells of the screen have no counterpart."""
    if len(spelt):
        note(f"{path.name}: {len(spelt)} well ids are matched by another spelling (such as {spelt[0]})")
    if len(missing):
        note(f"{path.name}: {len(missing)} of {counts['wells']} wells have no embedding (such as {missing[0]})")
    if len(surplus):
        note(f"{path.name}: {len(surplus)} rows are not wells of the screen (such as {surplus[0]}), left out")
    if counts["repeated"]:
        note(f"{path.name}: {counts['repeated']} wells have several rows, which are averaged")


def count_wells(frame: pd.DataFrame, wells: pd.DataFrame, allowed: float, source: str | Path) -> dict[str, int]:
    """Counts as `read_embeddings` returns them, for embeddings computed here; raises InputError as it does."""
    missing = np.setdiff1d(wells["well_id"].to_numpy(dtype=str), frame["well_id"].to_numpy(dtype=str))
    matched = len(wells) - len(missing)
    counts = {"wells": len(wells), "rows": len(frame), "matched": matched, "missing": len(missing)}
    counts |= {"surplus": len(frame) - matched, "repeated": 0}
    check_missing(source, counts, allowed, missing)
    return counts


def check_missing(path: Path | str, counts: Mapping[str, int], allowed: float, missing: Ids, unknown: Ids = ()) -> None:
    """Raise InputError when more than the share `allowed` of the wells is missing; the message shows an example."""
    example = f"; the file has {unknown[0]}, which is not a well of the screen" if len(unknown) else ""
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
