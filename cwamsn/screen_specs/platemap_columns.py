"""Columns of a plate map that has other names than the usual ones, as laboratories write them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cwamsn.errors import InputError
from cwamsn.notes import note
from cwamsn.screen_specs.load_data import LoadDataSpec
from cwamsn.screen_specs.text import read_rows

# What each key may be called, most telling first; compared without case, blanks, dots and underscores.
_NAMES = {
    "platemap_well_column": ("well_position", "Metadata_Well", "well", "well_id", "address", "position"),
    "compound_column": (
        "broad_sample", "Metadata_broad_sample", "compound", "compound_id", "compound_name", "pert_iname",
        "Metadata_pert_iname", "perturbation", "treatment", "drug", "substance", "gene", "gene_symbol",
    ),
}  # fmt: skip
PLATES = ("Metadata_Plate", "Assay_Plate_Barcode", "plate", "barcode", "plate_barcode", "plate_id")
# Columns of doses and their units.
_DOSES = {
    "mmoles_per_liter": "mmoles_per_liter", "mmol_per_l": "mmoles_per_liter", "concentration_mm": None,
    "umoles_per_liter": "umoles_per_liter", "concentration_um": "umoles_per_liter", "dose_um": "umoles_per_liter",
    "conc_um": "umoles_per_liter", "um": "umoles_per_liter", "concentration_µm": "umoles_per_liter",
    "nmoles_per_liter": "nmoles_per_liter", "concentration_nm": "nmoles_per_liter", "dose_nm": "nmoles_per_liter",
    "conc_nm": "nmoles_per_liter",
}  # fmt: skip
_UNKNOWN_UNIT = ("concentration", "conc", "dose", "mg_per_ml", "concentration_mm")


def guessed_columns(path: Path, separator: str, given: Mapping[str, Any]) -> dict[str, object]:
    """Keys of a screen for the columns of the plate map at `path`, where it lacks the usual ones; each guess is noted.

    `given` are the keys that the user has set, which stand. A dose whose unit its column does not tell is refused: the
    same number is a thousand times another dose in another unit.
    """
    table = read_rows(path, str(path), separator)
    columns = table.columns
    plain = {plain_name(c): c for c in reversed(columns)}
    found: dict[str, object] = {}
    for key, names in _NAMES.items():
        usual = getattr(LoadDataSpec, key)
        if key in given or usual in columns:
            continue
        column = next((plain[plain_name(n)] for n in names if plain_name(n) in plain), None)
        if column is None:
            raise InputError(f"{path}: lacks column {usual}; set {key} to one of {', '.join(columns[:12])}")
        found[key] = column
        note(f"{path}: {column} is taken for {key}")
    well = str(given.get("platemap_well_column", found.get("platemap_well_column", LoadDataSpec.platemap_well_column)))
    plate = next((plain[plain_name(n)] for n in PLATES if plain_name(n) in plain), None)
    if plate is not None and "platemap_plate_column" not in given and well in columns:
        wells = [row[table.place(well)] for row in table.rows.values()]
        if len(set(wells)) < len(wells):  # one map has each well once
            found["platemap_plate_column"] = plate
            note(f"{path}: {plate} is taken for platemap_plate_column")
    if "concentration_column" not in given and LoadDataSpec.concentration_column not in columns:
        found |= dose_column(str(path), plain)
    return found


def dose_column(label: str, plain: Mapping[str, str]) -> dict[str, object]:
    """Keys for the column of doses, if there is one. InputError for one whose name does not tell its unit."""
    for name, unit in _DOSES.items():
        if unit and plain_name(name) in plain:
            note(f"{label}: {plain[plain_name(name)]} is taken for concentration_column in {unit}")
            return {"concentration_column": plain[plain_name(name)], "concentration_unit": unit}
    odd = next((plain[plain_name(n)] for n in _UNKNOWN_UNIT if plain_name(n) in plain), None)
    if odd is not None:
        raise InputError(
            f"{label}: the unit of {odd} is not known; call a column of µM concentration_um, one of nM "
            f"concentration_nm, or set concentration_column: {odd} and concentration_unit, or the first to null"
        )
    return {"concentration_column": None}


def plain_name(name: str) -> str:
    """A column's name without case, blanks and signs."""
    return "".join(c for c in name.casefold() if c not in " _.-()[]")
