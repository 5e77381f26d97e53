"""Wells of a screen that plate maps describe; which batch each plate belongs to, where load_data says so."""

import re
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from cwamsn.errors import InputError
from cwamsn.notes import note
from cwamsn.screen_specs.load_data import LoadDataSpec, read_barcodes
from cwamsn.screen_specs.locations import local_path
from cwamsn.screens import splits
from cwamsn.screens.hosts import Fetched, fetch, usable
from cwamsn.screens.names import parse_addresses
from cwamsn.screens.sources.base import Metadata
from cwamsn.screens.sources.load_data.listing import hint, read_load_data
from cwamsn.screens.sources.load_data.plate_maps import read_plate_map, say_what_is_odd
from cwamsn.text_tables import require_columns


def read_wells(screen: str, spec: LoadDataSpec, cache: Path) -> Metadata:
    """The wells of the plate map on every plate, and where they came from."""
    used: list[Fetched] = []
    notes: list[str] = []
    maps = _plate_maps(spec, cache, used)
    experiments = _load_data_of_all(spec, cache, used)
    frames = [frame.assign(plate=plate, plate_map=name) for plate, (name, frame) in maps.items()]
    table = pd.concat(frames, ignore_index=True)
    treated = table["control"].isna()
    label = splits.identities(table["inchikey"], table["compound"], spec.identity).astype(object)
    molecule = splits.identities(table["inchikey"], table["compound"], "connectivity").astype(object)
    if spec.perturbation_type == "CRISPR":
        label = molecule = table["gene"]
    perturbation = label.where(label.notna(), None).where(treated, table["treatment"])
    table = table.assign(
        well_id=table["plate"] + "_" + table["address"],
        screen=screen,
        experiment=table["plate"].map(experiments).fillna(table["plate"]),
        perturbation=perturbation,
        perturbation_type=spec.perturbation_type,
        split=None,
    )
    if spec.platemap is None:
        note("no plate map is given: no well has a perturbation or is a control")
        return Metadata(table, used, notes)
    if perturbation.isna().all():
        raise InputError(
            f"{spec.platemap}: no well has a perturbation; correct compound_column ({spec.compound_column})"
        )
    say_what_is_odd(table, spec)
    if spec.split == "own":
        labels = splits.own_split(molecule[treated], spec.split_seed)  # stereo-isomers stay in one split
        table["split"] = molecule.where(treated).map(labels)
        table["split"] = table["split"].astype(object).where(table["split"].notna(), None)
        notes.append(f"own split: 70/10/20 of {len(labels)} compounds, seed {spec.split_seed}")
    return Metadata(table, used, notes)


def _plate_maps(spec: LoadDataSpec, cache: Path, used: list[Fetched]) -> dict[str, tuple[str, pd.DataFrame]]:
    """Plate → (name of its plate map, table of its wells)."""
    if spec.platemap is None:
        return _listed_wells(spec, cache)
    plates = spec.units()
    names = dict.fromkeys(plates, "")
    if spec.barcode_platemap:
        used.append(fetch(spec.location("barcode_platemap"), cache, spec.retry))
        names = _barcodes(used[-1])
        _say_unused("barcode_platemap", names, plates, spec)
    tables: dict[str, pd.DataFrame] = {}
    maps = {}
    for plate in plates:
        if plate not in names:
            raise InputError(f"{spec.barcode_platemap}: has no plate {plate}{hint(plate, spec, names)}")
        location = spec.location("platemap", plate=plate, platemap=names[plate])
        if location not in tables:
            used.append(fetch(location, cache, spec.retry))
            tables[location] = read_plate_map(used[-1], spec)
        frame = tables[location]
        if spec.platemap_plate_column:
            known = frame["_plate"].unique()
            frame = frame[frame["_plate"] == plate]
            if frame.empty:
                raise InputError(f"{location}: has no row of plate {plate}{hint(plate, spec, known)}")
        if frame["address"].duplicated().any():
            first = frame["address"][frame["address"].duplicated()].iloc[0]
            raise InputError(
                f"{location}: well {first} appears twice; keep one row of each, or set platemap_plate_column"
            )
        maps[plate] = (names[plate] or Path(location).stem, frame.drop(columns="_plate"))
    if spec.platemap_plate_column:
        _say_unused("platemap", [p for t in tables.values() for p in t["_plate"].unique()], plates, spec)
    return maps


def _listed_wells(spec: LoadDataSpec, cache: Path) -> dict[str, tuple[str, pd.DataFrame]]:
    """Plate → wells that its images lie in, none with a perturbation: a screen without a plate map."""
    maps = {}
    for plate in spec.units():
        fetched = fetch(spec.location("load_data", plate=plate), cache, spec.retry)
        frame = read_load_data(fetched, spec)
        rows = frame[frame["_plate"] == plate]
        if rows.empty:
            raise InputError(f"{fetched.url}: has no row of plate {plate}{hint(plate, spec, frame['_plate'].unique())}")
        where = parse_addresses(rows[spec.well_column], fetched.url).drop_duplicates("address")
        columns = ("treatment", "compound", "control", "concentration", "smiles", "inchikey", "gene")
        maps[plate] = ("", where.assign(**dict.fromkeys(columns)))
    return maps


def _barcodes(fetched: Fetched) -> dict[str, str]:
    """Plate → name of its plate map."""
    with usable(fetched):
        return read_barcodes(fetched.path, fetched.url)


def _say_unused(key: str, known: Iterable[str], plates: list[str], spec: LoadDataSpec) -> None:
    """Note plates that a table of the user has but not the screen, which takes those of load_data."""
    unused = [plate for plate in known if plate not in set(plates)]
    if unused and spec.plates is None:
        note(f"{len(unused)} plates of {key} are not in load_data and are left out: {', '.join(unused[:5])}")


def _load_data_of_all(spec: LoadDataSpec, cache: Path, used: list[Fetched]) -> dict[str, str]:
    """Plate → batch where `experiment_column` names it. Before any image is fetched, checks that all plates are there.

    A remote load_data without a batch column is not read here: fetching reads it plate by plate.
    """
    if spec.load_data is None:
        if spec.experiment_column:
            raise InputError("experiment_column: names a column of load_data, which is null; set load_data")
        return {}
    if local_path(spec.location("load_data")) is None and not spec.experiment_column:
        return {}
    plates = spec.units()
    frames = []
    for location in dict.fromkeys(spec.location("load_data", plate=plate) for plate in plates):
        used.append(fetch(location, cache, spec.retry))
        frames.append(read_load_data(used[-1], spec))
    known = pd.concat(frames)
    plates_known = list(dict.fromkeys(known["_plate"]))
    for plate in plates:
        if plate not in plates_known:
            raise InputError(f"{spec.load_data}: has no row of plate {plate}{hint(plate, spec, plates_known)}")
    known = known[known["_plate"].isin(plates)]
    _say_swapped(known, spec)
    if spec.experiment_column:
        require_columns(known, (spec.experiment_column,), spec.load_data)
        return _batches(known, spec.experiment_column, spec)
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


def _say_swapped(frame: pd.DataFrame, spec: LoadDataSpec) -> None:
    """Note plates whose image columns seem exchanged: the files of a channel carry the name of another channel only.

    Only the first field of each plate is checked, since columns are exchanged for whole plates.
    """
    columns = {}
    for stain, suffix in spec.channels.items():
        try:
            columns[suffix] = spec.image_columns(frame.columns, stain, "")[0]
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
    """Whether a stain appears in a file name as a word of its own."""
    return re.search(rf"(?i)(?<![a-z0-9]){re.escape(stain)}(?![a-z0-9])", file_name) is not None


def _batches(frame: pd.DataFrame, column: str, spec: LoadDataSpec) -> dict[str, str]:
    """Plate → batch; InputError for a plate with two, which may be two plates of one name, or with none."""
    pairs = frame[["_plate", column]].drop_duplicates()
    for plate, values in pairs.groupby("_plate", sort=False)[column]:
        if len(values) > 1:
            named = ", ".join(repr(v) for v in values[:3])
            raise InputError(
                f"{spec.load_data}: plate {plate} has {len(values)} values of {column} ({named}); correct them, or "
                "give plates of different batches different names"
            )
        if not values.iloc[0]:
            raise InputError(f"{spec.load_data}: plate {plate} has no {column}; fill it in")
    return dict(zip(pairs["_plate"], pairs[column]))
