"""Cells per well: the user's own table, the counts of a QC table, or what the wells table says itself."""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from cwamsn import tables
from cwamsn.errors import InputError
from cwamsn.files import refuse_lfs_pointer
from cwamsn.naming import plate_text
from cwamsn.notes import note
from cwamsn.text_tables import read_text_table

COUNTS = ("cell_count", "Metadata_CellCount", "Metadata_Cell_Count", "Count_Cells", "Metadata_Count_Cells")
IDS = ("well_id", "Metadata_WellID")
PLATES = ("plate", "Metadata_Plate", "Metadata_Barcode", "barcode")
WELLS = ("address", "well", "Metadata_Well", "well_position")
_OF_PLATE_MAP = ("cell_count", "cellcount", "count_cells")


def with_cell_counts(
    wells: pd.DataFrame, qc: str | Path | None = None, counts: str | Path | None = None
) -> pd.DataFrame:
    """`wells` with `cell_count`, cells of all fields of a well, as far as they are known.

    Parameters
    ----------
    wells : wells table
    qc : the screen's QC table; where it has counts of fields, those of the fields that were kept are summed
    counts : the user's own table (CSV, TSV, Parquet), which goes before everything else: `well_id`, or plate and well,
        and `cell_count`

    Returns
    -------
    A copy; without a new column where nothing is known. A well that has no count has NaN.

    Raises
    ------
    InputError
        The table is none of counts, names a well twice, or no well of the screen.
    """
    if counts is not None:
        return wells.assign(cell_count=_own_counts(Path(counts), wells))
    if "cell_count" in wells and wells["cell_count"].notna().any():
        return wells
    for column in wells:
        if str(column).removeprefix("platemap_").casefold() in _OF_PLATE_MAP and str(column).startswith("platemap_"):
            return wells.assign(cell_count=_numbers(wells[column], f"plate map, column {str(column)[9:]}"))
    if qc is None:
        return wells
    found = counts_of_qc(tables.read("qc", qc))
    return wells if found is None else wells.assign(cell_count=found["cell_count"].reindex(wells["well_id"]).to_numpy())


def counts_of_qc(qc: pd.DataFrame) -> pd.DataFrame | None:
    """Counted cells of each well that has a kept field.

    Returns
    -------
    `cell_count` (sum over the fields), `fields` (their number) and `cells_per_field`, the index being `well_id`; None
    where cells were not counted.
    """
    if "cell_count" not in qc:
        return None
    kept = qc[(qc["status"] == "kept") & qc["cell_count"].notna()]
    found = kept.groupby("well_id")["cell_count"].agg(cell_count="sum", fields="size")
    return found.assign(cells_per_field=found["cell_count"] / found["fields"])


def _own_counts(path: Path, wells: pd.DataFrame) -> np.ndarray:
    """(N,) counts of the wells from the user's table; NaN where it has none."""
    frame = _read(path)
    column = _first_of(frame, COUNTS, path, "the number of cells")
    values = _numbers(frame[column], str(path))
    by_id = next((name for name in IDS if name in frame), None)
    if by_id is not None:
        keys, own = frame[by_id].astype(str), wells["well_id"].astype(str)
    else:
        plate = _first_of(frame, PLATES, path, "the plate (or well_id the well)")
        well = _first_of(frame, WELLS, path, "the well")
        keys = _places(frame[plate], frame[well])
        barcode = wells["barcode"].where(wells["barcode"].notna(), wells["plate"]) if "barcode" in wells else None
        own = _places(wells["plate"] if barcode is None else barcode, wells["address"])
        if own.duplicated().any():
            first = own[own.duplicated()].iloc[0]
            raise InputError(f"{path}: plate and well {first} are two wells of the screen; name wells by well_id")
    if keys.duplicated().any():
        raise InputError(f"{path}: well {keys[keys.duplicated()].iloc[0]} stands twice; keep one row of each")
    found = pd.Series(values, index=keys).reindex(own).to_numpy(dtype=float)
    surplus = int((~keys.isin(own)).sum())
    if np.isnan(found).all():
        raise InputError(f"{path}: none of its {len(keys)} rows is a well of the screen, such as {own.iloc[0]}")
    if surplus:
        note(f"{path.name}: {surplus} rows are not wells of the screen, left out")
    return found


def _read(path: Path) -> pd.DataFrame:
    if not path.is_file():
        raise InputError(f"{path}: no such file of cell counts; correct the path")
    refuse_lfs_pointer(path)
    if path.suffix.casefold() not in (".parquet", ".pq"):
        return read_text_table(path, str(path), "\t" if ".tsv" in path.name.casefold() else ",")
    try:
        return pq.read_table(path).to_pandas()
    except (pa.ArrowInvalid, OSError) as error:
        reason = " ".join(str(error).split())[:150]
        raise InputError(f"{path}: not a readable Parquet file ({reason})") from None


def _first_of(frame: pd.DataFrame, names: Sequence[str], path: Path, what: str) -> str:
    for name in names:
        if name in frame:
            return name
    raise InputError(f"{path}: no column says {what}; call it {names[0]} (it has {', '.join(map(str, frame.columns))})")


def _numbers(column: pd.Series, where: str) -> np.ndarray:
    """(N,) float64; an empty cell is NaN. InputError for text and negative numbers."""
    text = column.astype(object).where(column.notna() & (column.astype(str).str.strip() != ""), None)
    values = pd.to_numeric(text, errors="coerce").to_numpy(dtype=float)
    wrong = text.notna().to_numpy() & ~(values >= 0)
    if wrong.any():
        place = int(wrong.argmax())
        raise InputError(f"{where}: row {column.index[place]}: {text.iloc[place]!r} is no number of cells; correct it")
    return values


def _places(plates: pd.Series, wells: pd.Series) -> pd.Series:
    """`plate A01` of each row, as :mod:`cwamsn.naming` and the wells table spell them."""
    return plates.map(plate_text) + " " + wells.astype(str).map(_address)


def _address(text: str) -> str:
    found = re.fullmatch(r"([A-Z]{1,2})[-_]?0*([1-9]\d?)", text.strip().upper())
    return f"{found[1]}{int(found[2]):02d}" if found else text.strip()
