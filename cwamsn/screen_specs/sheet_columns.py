"""Columns of a sample sheet that has other names than the usual ones, and the treatments that it carries itself."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from cwamsn.errors import InputError
from cwamsn.notes import note
from cwamsn.screen_specs.platemap_columns import dose_column, plain_name
from cwamsn.screen_specs.sample_sheet import SampleSheetSpec, read_sheet

# What each key may be called, most telling first; compared without case, blanks and signs.
_NAMES = {
    "plate_column": ("plate", "Metadata_Plate", "plate_id", "barcode", "plate_barcode", "Assay_Plate_Barcode"),
    "well_column": ("well", "Metadata_Well", "well_id", "well_position", "address"),
    "site_column": ("site", "Metadata_Site", "field", "fov", "field_id", "field_of_view"),
    "channel_column": ("channel", "stain", "Metadata_Channel", "channel_name", "wavelength", "dye"),
    "path_column": ("path", "file", "filename", "file_name", "image", "image_path", "file_path", "url", "uri"),
}
# What nf-core/cellpainting writes beside these.
_MORE = {"experiment_column": ("batch", "Metadata_Batch"), "z_column": ("plane_id", "z", "plane")}
_TREATMENTS = {
    "compound_column": ("compound", "treatment", "perturbation", "broad_sample", "pert_iname", "drug", "gene"),
    "smiles_column": ("smiles",),
    "inchikey_column": ("inchikey", "inchi_key"),
}
_CONTROLS = ("control", "control_type", "pert_type", "is_control")
_NEGATIVE = ("negative", "negcon", "negative_control", "neg", "true", "yes", "1", "dmso", "vehicle", "control")


def is_sheet(columns: Sequence[str]) -> bool:
    """Whether a table's columns are those of a sample sheet: a stain and a path in each row."""
    known = {plain_name(c) for c in columns}
    needed = ("well_column", "channel_column", "path_column")
    return all(any(plain_name(name) in known for name in _NAMES[key]) for key in needed)


def sheet_columns(columns: Sequence[str], given: Mapping[str, object], label: str) -> dict[str, object]:
    """Keys of a screen for the columns of its sheet; each guess is noted, and keys that are `given` stand."""
    plain = {plain_name(c): c for c in reversed(columns)}
    found: dict[str, object] = {}
    for key, names in {**_NAMES, **_MORE}.items():
        column = next((plain[plain_name(n)] for n in names if plain_name(n) in plain), None)
        if key in given or column is None or column == getattr(SampleSheetSpec, key):
            continue
        found[key] = column
        note(f"{label}: {column} is taken for {key}")
    if given.get("platemap") is None:
        found |= _treatments(plain, given, label)
    return found


def _treatments(plain: Mapping[str, str], given: Mapping[str, object], label: str) -> dict[str, object]:
    """Keys for treatments in the sheet itself."""
    found: dict[str, object] = {}
    for key, names in _TREATMENTS.items():
        column = next((plain[plain_name(n)] for n in names if plain_name(n) in plain), None)
        if key not in given and column is not None:
            found[key] = column
            note(f"{label}: {column} is taken for {key}")
    if "compound_column" not in {**given, **found}:
        return {}
    if "concentration_column" not in given:
        found |= dose_column(label, plain)
    column = next((plain[plain_name(n)] for n in _CONTROLS if plain_name(n) in plain), None)
    if column is not None and not {"control_column", "control_values"} & {*given}:
        found |= {"control_column": column, "control_values": list(_NEGATIVE)}
        note(f"{label}: {column} tells negative controls where it is {', '.join(_NEGATIVE)}")
    return found


def sheet_words(path: Path, section: Mapping[str, object]) -> list[str]:
    """Words of the column of stains, in the order of the sheet."""
    table = read_sheet(path, str(section.get("separator", ",")))
    column = str(section.get("channel_column", SampleSheetSpec.channel_column))
    if column not in table.columns:
        raise InputError(f"{path}: lacks column {column}; it has {', '.join(table.columns[:12])}")
    at = table.place(column)
    return list(dict.fromkeys(row[at] for row in table.rows.values() if row[at]))
