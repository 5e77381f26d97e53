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
    columns = read_rows(path, str(path), separator).columns
    plain = {_plain(c): c for c in reversed(columns)}
    found: dict[str, object] = {}
    for key, names in _NAMES.items():
        usual = getattr(LoadDataSpec, key)
        if key in given or usual in columns:
            continue
        column = next((plain[_plain(n)] for n in names if _plain(n) in plain), None)
        if column is None:
            raise InputError(f"{path}: lacks column {usual}; set {key} to one of {', '.join(columns[:12])}")
        found[key] = column
        note(f"{path}: {column} is taken for {key}")
    if "concentration_column" not in given and LoadDataSpec.concentration_column not in columns:
        found |= _dose(path, plain)
    return found


def _dose(path: Path, plain: Mapping[str, str]) -> dict[str, object]:
    for name, unit in _DOSES.items():
        if unit and _plain(name) in plain:
            note(f"{path}: {plain[_plain(name)]} is taken for concentration_column in {unit}")
            return {"concentration_column": plain[_plain(name)], "concentration_unit": unit}
    odd = next((plain[_plain(n)] for n in _UNKNOWN_UNIT if _plain(n) in plain), None)
    if odd is not None:
        raise InputError(
            f"{path}: the unit of {odd} is not known; set concentration_column: {odd} and concentration_unit, or "
            "concentration_column: null"
        )
    return {"concentration_column": None}


def _plain(name: str) -> str:
    return "".join(c for c in name.casefold() if c not in " _.-()[]")
