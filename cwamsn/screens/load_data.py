"""Any Cell Painting set described by a `load_data.csv` and a plate map, in the Cell Painting Gallery's style."""

import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pandas as pd

from cwamsn.screens import splits
from cwamsn.screens.fetch import Fetched, Missing, Policy, Remote, fetch, join, local_path, policy
from cwamsn.screens.names import parse_address, parse_addresses, plate_text
from cwamsn.screens.raw import Acquired, Raw
from cwamsn.screens.text import read_text_table, require_columns
from cwamsn.tables import InputError

# Micromolar in one unit of the plate map's concentration column.
UNITS = {"mmoles_per_liter": 1e3, "umoles_per_liter": 1.0, "nmoles_per_liter": 1e-3, "moles_per_liter": 1e6}
DEFAULTS: dict[str, Any] = {
    "load_data": None,
    "platemap": None,
    "barcode_platemap": None,
    "plates": None,
    "base": None,
    "channels": {"Mito": "Mito", "ERSyto": "ER", "ERSytoBleed": "RNA", "Ph_golgi": "AGP", "Hoechst": "DNA"},
    "separator": ",",
    "platemap_separator": ",",
    "plate_column": "Metadata_Plate",
    "well_column": "Metadata_Well",
    "site_column": "Metadata_Site",
    "experiment_column": None,
    "platemap_well_column": "well_position",
    "platemap_plate_column": None,
    "compound_column": "broad_sample",
    "concentration_column": "mmoles_per_liter",
    "concentration_unit": "mmoles_per_liter",
    "smiles_column": None,
    "inchikey_column": None,
    "control_column": None,
    "control_values": ["DMSO", ""],
    "perturbation_type": "COMPOUND",
    "split": "none",
    "split_seed": 0,
}


def parts(spec: dict[str, Any]) -> list[str]:
    if spec["plates"] is not None:
        return [plate_text(p) for p in spec["plates"]]
    path = local_path(spec["load_data"])
    if path is None or "{plate}" in spec["load_data"]:
        raise InputError("plates: must be listed for a load_data file that is remote or one a plate")
    if not path.is_file():
        raise InputError(f"{path}: no such file; correct `load_data` of the screen")
    frame = read_text_table(path, str(path), spec["separator"])
    require_columns(frame, (spec["plate_column"],), str(path))
    found = list(dict.fromkeys(plate_text(p) for p in frame[spec["plate_column"]]))
    bad = next((p for p in found if not re.fullmatch(r"[A-Za-z0-9_.-]+", p)), None)
    if bad is not None:
        raise InputError(f"{path}: plate {bad!r} cannot name a file; use letters, digits, '_', '.' and '-'")
    return found


def wells(screen: str, spec: dict[str, Any], cache: Path) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The wells of the plate map on every plate, and where they came from."""
    used: list[Fetched] = []
    notes: list[str] = []
    maps = _plate_maps(spec, cache, used)
    experiments = _experiments(spec, cache, used)
    frames = [frame.assign(plate=plate, plate_map=name) for plate, (name, frame) in maps.items()]
    table = pd.concat(frames, ignore_index=True)
    compound = splits.block(table["inchikey"]).fillna(table["compound"]).replace("", None)
    table = table.assign(
        well_id=table["plate"] + "_" + table["address"],
        screen=screen,
        experiment=table["plate"].map(experiments).fillna(table["plate"]),
        perturbation=compound.where(table["control"].isna(), table["compound"].replace("", "DMSO")),
        perturbation_type=spec["perturbation_type"],
        treatment=table["compound"].replace("", "DMSO"),
        split=None,
    )
    if spec["split"] == "own":
        labels = splits.own_split(compound[table["control"].isna()], spec["split_seed"])
        table["split"] = compound.where(table["control"].isna()).map(labels)
        table["split"] = table["split"].astype(object).where(table["split"].notna(), None)
        notes.append(f"own split: 70/10/20 of {len(labels)} compounds, seed {spec['split_seed']}")
    return table, {"files": [f.entry() for f in used], "notes": notes}


def _plate_maps(spec: dict[str, Any], cache: Path, used: list[Fetched]) -> dict[str, tuple[str, pd.DataFrame]]:
    """Plate → (name of its plate map, table of its wells)."""
    plates = parts(spec)
    names = dict.fromkeys(plates, "")
    if spec["barcode_platemap"]:
        used.append(fetch(spec["barcode_platemap"], cache, policy(spec)))
        frame = read_text_table(used[-1].path, used[-1].url)
        require_columns(frame, ("Assay_Plate_Barcode", "Plate_Map_Name"), used[-1].url)
        names = dict(zip(frame["Assay_Plate_Barcode"].map(plate_text), frame["Plate_Map_Name"].str.strip()))
    tables: dict[str, pd.DataFrame] = {}
    maps = {}
    for plate in plates:
        if plate not in names:
            raise InputError(f"{spec['barcode_platemap']}: has no plate {plate}; add it or correct `plates`")
        location = spec["platemap"].format(plate=plate, platemap=names[plate])
        if location not in tables:
            used.append(fetch(location, cache, policy(spec)))
            tables[location] = _read_plate_map(used[-1], spec)
        frame = tables[location]
        if spec["platemap_plate_column"]:
            frame = frame[frame["_plate"] == plate]
            if frame.empty:
                raise InputError(f"{location}: has no row of plate {plate}; add it or correct `plates`")
        if frame["address"].duplicated().any():
            first = frame["address"][frame["address"].duplicated()].iloc[0]
            raise InputError(
                f"{location}: well {first} stands twice; keep one row of each, or set platemap_plate_column"
            )
        maps[plate] = (names[plate] or Path(location).stem, frame.drop(columns="_plate"))
    return maps


def _read_plate_map(fetched: Fetched, spec: dict[str, Any]) -> pd.DataFrame:
    frame = read_text_table(fetched.path, fetched.url, spec["platemap_separator"])
    named = ("platemap_well_column", "compound_column", "concentration_column", "smiles_column", "inchikey_column")
    named += ("control_column", "platemap_plate_column")
    require_columns(frame, tuple(spec[k] for k in named if spec[k]), fetched.url)
    where = parse_addresses(frame[spec["platemap_well_column"]], fetched.url)
    compound = frame[spec["compound_column"]].str.strip()
    control = frame[spec["control_column"] or spec["compound_column"]].str.strip().isin(spec["control_values"])

    def column(key: str) -> pd.Series:
        values = frame[spec[key]].str.strip() if spec[key] else pd.Series("", frame.index)
        return values.astype(object).where(values != "", None)

    return where.assign(
        compound=compound,
        control=control.map({True: "negative", False: None}).astype(object),
        concentration=_concentration(column("concentration_column"), spec, fetched.url),
        smiles=column("smiles_column"),
        inchikey=column("inchikey_column"),
        _plate=frame[spec["platemap_plate_column"]].map(plate_text) if spec["platemap_plate_column"] else "",
    )


def _concentration(column: pd.Series, spec: dict[str, Any], source: str) -> pd.Series:
    """Doses in µM; rounded to nine digits, since 0.01 mmol/l is to be 10.0 µM exactly."""
    values = pd.to_numeric(column, errors="coerce")
    bad = (column.notna() & values.isna()).to_numpy()
    if bad.any():
        raise InputError(
            f"{source}: row {int(bad.argmax())}: concentration {column.iloc[int(bad.argmax())]!r} is no number"
        )
    return (values.astype(float) * UNITS[spec["concentration_unit"]]).map(lambda v: float(f"{v:.9g}"))


def _experiments(spec: dict[str, Any], cache: Path, used: list[Fetched]) -> dict[str, str]:
    """Plate → batch, from the load_data column that names it; empty without such a key."""
    if not spec["experiment_column"]:
        return {}
    known: dict[str, str] = {}
    for location in dict.fromkeys(spec["load_data"].format(plate=plate) for plate in parts(spec)):
        used.append(fetch(location, cache, policy(spec)))
        frame = _read_load_data(used[-1], spec)
        require_columns(frame, (spec["experiment_column"],), used[-1].url)
        known |= dict(zip(frame["_plate"], frame[spec["experiment_column"]].str.strip()))
    return known


def _read_load_data(fetched: Fetched, spec: dict[str, Any]) -> pd.DataFrame:
    frame = read_text_table(fetched.path, fetched.url, spec["separator"])
    require_columns(frame, (spec["plate_column"], spec["well_column"], spec["site_column"]), fetched.url)
    return frame.assign(_plate=frame[spec["plate_column"]].map(plate_text))


# Fields ---------------------------------------------------------------------------------------------------------------


def acquire(spec: dict[str, Any], part: str, wells: pd.DataFrame, cache: Path, raw: Raw) -> Acquired:
    """Fetch the images of plate `part`; its fields, and those left out with the reason."""
    how = policy(spec)
    found = Acquired(tuple(spec["channels"]))
    listing = fetch(spec["load_data"].format(plate=part), cache, how)
    frame = _read_load_data(listing, spec)
    columns = {name: _image_columns(frame, suffix, name, listing.url) for name, suffix in spec["channels"].items()}
    known = set(wells.loc[wells["plate"] == part, "well_id"])
    base = spec["base"] or (str(listing.path.parent) if listing.local else spec["load_data"].rpartition("/")[0])
    seen: set[str] = set()
    for row, record in zip(frame.index, frame.to_dict("records")):
        if record["_plate"] != part:
            continue
        address, site = _place(record, spec, f"{listing.url}: row {row}")
        well_id, field_id = f"{part}_{address}", f"{part}-{address}-{site}"
        if field_id in seen:
            raise InputError(f"{listing.url}: row {row}: field {field_id} stands twice; keep one row of each field")
        seen.add(field_id)
        if well_id not in known:
            found.skip(field_id, well_id, part, site, "well without a plate-map entry")
            continue
        uris, missing = {}, []
        for name, (file_column, path_column) in columns.items():
            location = _location(record[file_column], record[path_column] if path_column else "", base)
            fetched = _fetch_image(location, cache, how) if location else None
            if fetched is None:
                missing.append(name)
            else:
                uris[f"uri_{name}"] = raw.add(fetched, f"{field_id}-{name}{Path(urlsplit(location).path).suffix}")
        if missing:
            found.skip(field_id, well_id, part, site, f"no image of channel {', '.join(missing)}")
        else:
            found.fields.append({"field_id": field_id, "well_id": well_id, "site": site} | uris)
    if not seen:
        raise InputError(f"{listing.url}: has no row of plate {part}; correct `plates` of the screen")
    with_image = {field_id.rsplit("-", 1)[0] for field_id in seen}
    for address in sorted(wells.loc[wells["plate"] == part, "address"]):
        if f"{part}-{address}" not in with_image:
            found.skip(f"{part}-{address}-0", f"{part}_{address}", part, 0, "well without any image in load_data")
    return found


def _image_columns(frame: pd.DataFrame, suffix: str, name: str, source: str) -> tuple[str, str | None]:
    """(column of the file name or URL, column of its folder or None) of a channel; `Orig` is optional."""
    for tail in (suffix, f"Orig{suffix}"):
        if f"FileName_{tail}" in frame:
            return f"FileName_{tail}", f"PathName_{tail}" if f"PathName_{tail}" in frame else None
        if f"URL_{tail}" in frame:
            return f"URL_{tail}", None
    has = [c.split("_", 1)[1].removeprefix("Orig") for c in frame.columns if c.startswith(("FileName_", "URL_"))]
    raise InputError(
        f"{source}: has no FileName_{suffix}, FileName_Orig{suffix} or URL_Orig{suffix} for channel {name}; "
        f"it has {', '.join(has) or 'no image column'}: correct `channels` of the screen"
    )


def _place(record: dict[str, str], spec: dict[str, Any], label: str) -> tuple[str, int]:
    try:
        return parse_address(record[spec["well_column"]])[0], int(float(record[spec["site_column"]]))
    except ValueError as error:
        raise InputError(f"{label}: {error}; correct {spec['well_column']} or {spec['site_column']}") from None


def _location(file_name: str, folder: str, base: str) -> str:
    """Where an image is: an absolute path or URL as it stands, anything else below `base`; '' where none is named."""
    file_name, folder = file_name.strip(), folder.strip()
    if not file_name:
        return ""
    whole = f"{folder.rstrip('/')}/{file_name}" if folder else file_name
    if whole.startswith("s3://"):
        bucket, _, key = whole.removeprefix("s3://").partition("/")
        return join(f"https://{bucket}.s3.amazonaws.com", key)
    if "://" in whole or Path(whole).is_absolute():
        return whole
    return join(base, whole) if "://" in base else str(Path(base) / whole)


def _fetch_image(location: str, cache: Path, how: Policy) -> Fetched | None:
    try:
        return fetch(Remote(location), cache, how)
    except Missing:
        return None
