"""Any Cell Painting set described by a `load_data.csv` and a plate map, in the Cell Painting Gallery's style.

Without images (own profiles are scored) a plate map is enough.
"""

import math
import re
from collections import Counter
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd

from cwamsn.errors import InputError
from cwamsn.notes import note
from cwamsn.screen_specs.watch import state_of_paths
from cwamsn.screens import splits
from cwamsn.screens.hosts.cache import Fetched, fetch, local_path, policy, usable
from cwamsn.screens.names import parse_address, plate_text
from cwamsn.screens.sources.image_files import find_image, image_locations, known_location, local_images, suffix_of
from cwamsn.screens.sources.plate_maps import read_plate_map, say_what_is_odd
from cwamsn.screens.sources.raw import Acquired, Raw
from cwamsn.screens.text import read_text_table, require_columns

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
    "compound_pattern": None,
    "gene_column": None,
    "guide_column": None,
    "smiles_column": None,
    "inchikey_column": None,
    "identity": "inchikey",
    "control_column": None,
    "control_values": ["DMSO", ""],
    "perturbation_type": "COMPOUND",
    "split": "none",
    "split_seed": 0,
    "watch_images": True,
}


def units(spec: dict[str, Any]) -> list[str]:
    """Plates: those of `plates`, else of a local load_data, else (no images) of a local plate map or barcode table."""
    stain = next((c for c in spec["channels"] if "/" in c or c.startswith(".")), None)
    if stain is not None:
        raise InputError(f"channels: stain {stain!r} cannot name a file; leave out '/' and a dot at its start")
    if spec["plates"] is not None:
        if not spec["plates"]:
            raise InputError("plates: is empty; list plates, or leave the key out for all")
        return [plate_text(p) for p in spec["plates"]]
    key, column = "load_data", spec["plate_column"]
    if spec["load_data"] is None:
        if spec["barcode_platemap"]:
            key, column = "barcode_platemap", "Assay_Plate_Barcode"
        elif spec["platemap_plate_column"]:
            key, column = "platemap", spec["platemap_plate_column"]
        else:
            raise InputError("plates: must be listed, or platemap_plate_column set, where there is no load_data")
    path = local_path(known_location(spec[key], key))
    if path is None or "{" in spec[key]:
        raise InputError(f"plates: must be listed for a {key} file that is remote or one a plate")
    if not path.is_file():
        raise InputError(f"{path}: no such file; correct `{key}` of the screen")
    separator = spec["platemap_separator"] if key == "platemap" else spec["separator"]
    frame = _local_table(str(path), path.stat().st_mtime_ns, separator)
    require_columns(frame, (column,), str(path))
    found = frame[column].map(plate_text)
    if not found.all():
        raise InputError(f"{path}: row {found.index[(found == '').argmax()]} has no {column}; fill it in")
    return list(dict.fromkeys(found))


@lru_cache(maxsize=32)
def _local_table(path: str, changed: int, separator: str) -> pd.DataFrame:
    """A table of the user's, read once while the graph forms; `changed` is its time. Not to be written to."""
    return read_text_table(Path(path), path, separator)


def _filled(spec: dict[str, Any], key: str, **names: str) -> str:
    """The location of `key` with `{plate}` and `{platemap}` filled in."""
    text = spec[key]
    for name, value in names.items():
        text = text.replace(f"{{{name}}}", value)
    return known_location(text, key)


def wells(screen: str, spec: dict[str, Any], cache: Path) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The wells of the plate map on every plate, and where they came from."""
    used: list[Fetched] = []
    notes: list[str] = []
    maps = _plate_maps(spec, cache, used)
    experiments = _load_data_of_all(spec, cache, used)
    frames = [frame.assign(plate=plate, plate_map=name) for plate, (name, frame) in maps.items()]
    table = pd.concat(frames, ignore_index=True)
    treated = table["control"].isna()
    label = splits.identities(table["inchikey"], table["compound"], spec["identity"]).astype(object)
    molecule = splits.identities(table["inchikey"], table["compound"], "connectivity").astype(object)
    if spec["perturbation_type"] == "CRISPR":
        label = molecule = table["gene"]
    perturbation = label.where(label.notna(), None).where(treated, table["treatment"])
    table = table.assign(
        well_id=table["plate"] + "_" + table["address"],
        screen=screen,
        experiment=table["plate"].map(experiments).fillna(table["plate"]),
        perturbation=perturbation,
        perturbation_type=spec["perturbation_type"],
        split=None,
    )
    if perturbation.isna().all():
        raise InputError(
            f"{spec['platemap']}: no well has a perturbation; correct compound_column ({spec['compound_column']})"
        )
    say_what_is_odd(table, spec)
    if spec["split"] == "own":
        labels = splits.own_split(molecule[treated], spec["split_seed"])  # stereo-isomers stay in one part
        table["split"] = molecule.where(treated).map(labels)
        table["split"] = table["split"].astype(object).where(table["split"].notna(), None)
        notes.append(f"own split: 70/10/20 of {len(labels)} compounds, seed {spec['split_seed']}")
    return table, {"files": [f.entry() for f in used], "notes": notes}


def _plate_maps(spec: dict[str, Any], cache: Path, used: list[Fetched]) -> dict[str, tuple[str, pd.DataFrame]]:
    """Plate → (name of its plate map, table of its wells)."""
    plates = units(spec)
    names = dict.fromkeys(plates, "")
    if spec["barcode_platemap"]:
        used.append(fetch(_filled(spec, "barcode_platemap"), cache, policy(spec)))
        names = _barcodes(used[-1])
        _say_unused("barcode_platemap", names, plates, spec)
    tables: dict[str, pd.DataFrame] = {}
    maps = {}
    for plate in plates:
        if plate not in names:
            raise InputError(f"{spec['barcode_platemap']}: has no plate {plate}{_hint(plate, spec, names)}")
        location = _filled(spec, "platemap", plate=plate, platemap=names[plate])
        if location not in tables:
            used.append(fetch(location, cache, policy(spec)))
            tables[location] = read_plate_map(used[-1], spec)
        frame = tables[location]
        if spec["platemap_plate_column"]:
            known = frame["_plate"].unique()
            frame = frame[frame["_plate"] == plate]
            if frame.empty:
                raise InputError(f"{location}: has no row of plate {plate}{_hint(plate, spec, known)}")
        if frame["address"].duplicated().any():
            first = frame["address"][frame["address"].duplicated()].iloc[0]
            raise InputError(
                f"{location}: well {first} stands twice; keep one row of each, or set platemap_plate_column"
            )
        maps[plate] = (names[plate] or Path(location).stem, frame.drop(columns="_plate"))
    if spec["platemap_plate_column"]:
        _say_unused("platemap", [p for t in tables.values() for p in t["_plate"].unique()], plates, spec)
    return maps


def _barcodes(fetched: Fetched) -> dict[str, str]:
    """Plate → name of its plate map."""
    with usable(fetched):
        frame = read_text_table(fetched.path, fetched.url)
    require_columns(frame, ("Assay_Plate_Barcode", "Plate_Map_Name"), fetched.url)
    frame = frame.assign(plate=frame["Assay_Plate_Barcode"].map(plate_text))[["plate", "Plate_Map_Name"]]
    several = frame.drop_duplicates()["plate"].value_counts()
    if (several > 1).any():
        raise InputError(f"{fetched.url}: plate {several.index[0]} has {several.iloc[0]} plate maps; keep one")
    if not frame["Plate_Map_Name"].all():
        first = frame["plate"][frame["Plate_Map_Name"] == ""].iloc[0]
        raise InputError(f"{fetched.url}: plate {first} has no Plate_Map_Name; fill it in")
    return dict(zip(frame["plate"], frame["Plate_Map_Name"]))


def _say_unused(key: str, known: Any, plates: list[str], spec: dict[str, Any]) -> None:
    """A note on plates that a table of the user's has and the screen, which takes load_data's, has not."""
    unused = [plate for plate in known if plate not in set(plates)]
    if unused and spec["plates"] is None:
        note(f"{len(unused)} plates of {key} are not in load_data and are left out: {', '.join(unused[:5])}")


def _hint(plate: str, spec: dict[str, Any], known: Any) -> str:
    """What to do about a plate that a table lacks."""
    numbers = {plate_text(p): p for p in spec["plates"] or [] if isinstance(p, int)}
    known = [str(k) for k in known]
    meant = next((k for k in known if plate in numbers and _yaml_integer(k) == numbers[plate] and k != plate), None)
    if meant:
        return f'; YAML reads {meant} as the number {plate}: quote it in `plates`, "{meant}"'
    close = next((k for k in known if _bare(k) == _bare(plate)), None)
    if close:
        return f"; it has {close}: write the plate in one way"
    more = ", ..." if len(known) > 5 else ""
    return f"; it has {', '.join(known[:5])}{more}: correct `plates`, or add it"


def _yaml_integer(text: str) -> int | None:
    """The integer that YAML 1.1 makes of an unquoted text: `20210727_1` is 202107271, `0121` is 81."""
    digits = text.replace("_", "")
    try:
        if digits.startswith("0") and digits.strip("0"):
            return int(digits, 8) if digits.isdigit() else int(digits, 0)
        return int(digits)
    except ValueError:
        return None


def _bare(plate: str) -> str:
    return "".join(c for c in plate.casefold() if c.isalnum()).lstrip("0")


def _load_data_of_all(spec: dict[str, Any], cache: Path, used: list[Fetched]) -> dict[str, str]:
    """Plate → batch where `experiment_column` names it; looks before anything is fetched whether load_data has it all.

    A remote load_data without a batch is not read here: fetching reads it plate by plate.
    """
    if spec["load_data"] is None:
        if spec["experiment_column"]:
            raise InputError("experiment_column: names a column of load_data, which is null; set load_data")
        return {}
    if local_path(_filled(spec, "load_data")) is None and not spec["experiment_column"]:
        return {}
    plates = units(spec)
    frames = []
    for location in dict.fromkeys(_filled(spec, "load_data", plate=plate) for plate in plates):
        used.append(fetch(location, cache, policy(spec)))
        frames.append(_read_load_data(used[-1], spec))
    known = pd.concat(frames)
    plates_known = list(dict.fromkeys(known["_plate"]))
    for plate in plates:
        if plate not in plates_known:
            raise InputError(f"{spec['load_data']}: has no row of plate {plate}{_hint(plate, spec, plates_known)}")
    known = known[known["_plate"].isin(plates)]
    _say_swapped(known, spec)
    if spec["experiment_column"]:
        require_columns(known, (spec["experiment_column"],), spec["load_data"])
        return _batches(known, spec["experiment_column"], spec)
    for column in known.columns:
        if column.casefold().endswith("batch"):
            several = known.groupby("_plate")[column].nunique()
            if (several > 1).any():
                plate = several.index[(several > 1).argmax()]
                note(
                    f"plate {plate} has several values of {column} in load_data: two plates of one name? "
                    "(experiment_column takes the batch)"
                )
    return {}


def _say_swapped(frame: pd.DataFrame, spec: dict[str, Any]) -> None:
    """A note on plates whose image columns seem exchanged: a channel's files are named for another, and that one's not.

    The first field of a plate is looked at: columns are exchanged for whole plates.
    """
    columns = {}
    for name, suffix in spec["channels"].items():
        try:
            columns[suffix] = _image_columns(frame, suffix, name, "")[0]
        except InputError:  # fetching says so
            return
    found: dict[tuple[str, str], dict[str, str]] = {}  # channel and other channel -> plate -> a file
    for row in frame.drop_duplicates("_plate").to_dict("records"):
        names = {suffix: row[column].rpartition("/")[2] for suffix, column in columns.items()}
        for suffix, text in names.items():
            other = next((o for o in names if _names_stain(text, o) and not _names_stain(names[o], o)), None)
            if other and not _names_stain(text, suffix):
                found.setdefault((suffix, other), {})[row["_plate"]] = text
    for (suffix, other), files in found.items():
        more = f" and {len(files) - 5} more" if len(files) > 5 else ""
        note(
            f"plate {', '.join(list(files)[:5])}{more}: the images of channel {suffix} are named for {other} "
            f"({next(iter(files.values()))}); exchanged columns?"
        )


def _names_stain(file_name: str, stain: str) -> bool:
    """Whether a stain stands in a file name as a word of its own."""
    return re.search(rf"(?i)(?<![a-z0-9]){re.escape(stain)}(?![a-z0-9])", file_name) is not None


def _batches(frame: pd.DataFrame, column: str, spec: dict[str, Any]) -> dict[str, str]:
    """Plate → batch; InputError for a plate with two, which may be two plates of one name, or with none."""
    pairs = frame[["_plate", column]].drop_duplicates()
    for plate, values in pairs.groupby("_plate", sort=False)[column]:
        if len(values) > 1:
            named = ", ".join(repr(v) for v in values[:3])
            raise InputError(
                f"{spec['load_data']}: plate {plate} has {len(values)} values of {column} ({named}); correct them, or "
                "give plates of different batches different names"
            )
        if not values.iloc[0]:
            raise InputError(f"{spec['load_data']}: plate {plate} has no {column}; fill it in")
    return dict(zip(pairs["_plate"], pairs[column]))


def _read_load_data(fetched: Fetched, spec: dict[str, Any]) -> pd.DataFrame:
    with usable(fetched):
        return _with_plate(read_text_table(fetched.path, fetched.url, spec["separator"]), fetched.url, spec)


def _with_plate(frame: pd.DataFrame, label: str, spec: dict[str, Any]) -> pd.DataFrame:
    require_columns(frame, (spec["plate_column"], spec["well_column"], spec["site_column"]), label)
    plates = frame[spec["plate_column"]]
    return frame.assign(_plate=plates.map({p: plate_text(p) for p in plates.unique()}))


# What the graph watches -----------------------------------------------------------------------------------------------


def metadata_files(spec: dict[str, Any]) -> list[str]:
    """Locations of the tables that `wells` reads, as far as they are known before anything is fetched."""
    plates = units(spec)
    found = [_filled(spec, "load_data", plate=p) for p in plates] if spec["load_data"] else []
    names = dict.fromkeys(plates, "")
    if spec["barcode_platemap"]:
        location = _filled(spec, "barcode_platemap")
        found.append(location)
        path = local_path(location)
        local = path is not None and path.is_file()
        names = _barcodes(Fetched(path, location, 0, "", local=True)) if local else {}
    if names or "{platemap}" not in spec["platemap"]:
        found += [_filled(spec, "platemap", plate=p, platemap=names.get(p, "")) for p in plates]
    return list(dict.fromkeys(found))


def state(spec: dict[str, Any], part: str) -> str:
    """Changes when a plate's rows of a local load_data do, or its local images (unless `watch_images` is false)."""
    path = local_path(_filled(spec, "load_data", plate=part)) if spec["load_data"] else None
    if path is None or not path.is_file():
        return ""
    frame = _with_plate(_local_table(str(path), path.stat().st_mtime_ns, spec["separator"]), str(path), spec)
    columns = {name: _image_columns(frame, suffix, name, str(path)) for name, suffix in spec["channels"].items()}
    used = [spec["well_column"], spec["site_column"], *(c for pair in columns.values() for c in pair if c)]
    rows = frame.loc[frame["_plate"] == part, used]
    images: list[str] = []
    if spec["watch_images"]:
        base = spec["base"] or str(path.parent)
        for file_column, path_column in columns.values():
            folders = list(rows[path_column]) if path_column else [""] * len(rows)
            images += local_images(list(rows[file_column]), folders, base, str(path))
    return state_of_paths(images, rows.to_csv(index=False))


# Fields ---------------------------------------------------------------------------------------------------------------


def acquire(spec: dict[str, Any], part: str, wells: pd.DataFrame, cache: Path, raw: Raw) -> Acquired:
    """Fetch the images of plate `part`; its fields, and those left out with the reason.

    Raises InputError where no field of the plate can be used.
    """
    if spec["load_data"] is None:
        raise InputError("load_data: is null, and images are needed after all; give the load_data of the screen")
    how = policy(spec)
    found = Acquired(tuple(spec["channels"]))
    listing = fetch(_filled(spec, "load_data", plate=part), cache, how)
    frame = _read_load_data(listing, spec)
    columns = {name: _image_columns(frame, suffix, name, listing.url) for name, suffix in spec["channels"].items()}
    known = set(wells.loc[wells["plate"] == part, "well_id"])
    base = spec["base"] or (str(listing.path.parent) if listing.local else listing.url.rpartition("/")[0])
    seen: set[str] = set()
    rows = frame[frame["_plate"] == part]
    if rows.empty:
        raise InputError(f"{listing.url}: has no row of plate {part}{_hint(part, spec, frame['_plate'].unique())}")
    for row, record in zip(rows.index, rows.to_dict("records")):
        label = f"{listing.url}: row {row}"
        address, site = _place(record, spec, label)
        well_id, field_id = f"{part}_{address}", f"{part}-{address}-{site}"
        if field_id in seen:
            raise InputError(f"{label}: field {field_id} stands twice; keep one row of each field")
        seen.add(field_id)
        if well_id not in known:
            found.skip(field_id, well_id, part, site, "well without a plate-map entry")
            continue
        uris, missing, why = {}, [], ""
        for name, (file_column, path_column) in columns.items():
            places = image_locations(record[file_column], record[path_column] if path_column else "", base, label)
            fetched, reason = find_image(places, cache, how)
            if fetched is None:
                missing.append(name)
                why = why or reason
            else:
                uris[f"uri_{name}"] = raw.add(fetched, f"{field_id}-{name}{suffix_of(fetched.url)}")
        if missing:
            found.skip(field_id, well_id, part, site, f"no image of channel {', '.join(missing)}: {why}")
        else:
            found.fields.append({"field_id": field_id, "well_id": well_id, "site": site} | uris)
    _say_losses(found, part, listing.url, len(seen))
    with_image = {field_id.rsplit("-", 1)[0] for field_id in seen}
    for address in sorted(wells.loc[wells["plate"] == part, "address"]):
        if f"{part}-{address}" not in with_image:
            found.skip(f"{part}-{address}-0", f"{part}_{address}", part, 0, "well without any image in load_data")
    return found


def _say_losses(found: Acquired, part: str, source: str, listed: int) -> None:
    """A note on the fields of a plate that were left out; InputError when that is all of them."""
    if not found.skipped:
        return
    kinds = Counter(str(row["reason"]).partition(": ")[0] for row in found.skipped)
    kind, count = kinds.most_common(1)[0]
    first = next(str(row["reason"]) for row in found.skipped if str(row["reason"]).startswith(kind))
    if not found.fields:
        raise InputError(
            f"{source}: plate {part}: none of its {listed} fields can be used; {count} x {first}: correct `load_data`, "
            "`base` or the plate map, or leave the plate out of `plates`"
        )
    note(f"plate {part}: {len(found.skipped)} of {listed} fields left out; {count} x {kind}, the first: {first}")


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
    """(address, number of the field of view) of a row."""
    try:
        address = parse_address(record[spec["well_column"]])[0]
    except ValueError as error:
        raise InputError(f"{label}: {error}; correct {spec['well_column']}") from None
    text = record[spec["site_column"]]
    try:
        site = float(text)
    except ValueError:
        site = math.nan
    if not 0 <= site < 2**31 or site != int(site):
        raise InputError(f"{label}: {text!r} is no number of a field of view (1, 2 ...); correct {spec['site_column']}")
    return address, int(site)
