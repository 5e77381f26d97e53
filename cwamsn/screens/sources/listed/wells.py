"""Wells of a screen that plate maps describe."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd

from cwamsn.errors import InputError
from cwamsn.naming import plate_name
from cwamsn.notes import note
from cwamsn.screen_specs import ListedSpec
from cwamsn.screen_specs.listed import read_barcodes
from cwamsn.screen_specs.platemap_columns import PLATES, plain_name
from cwamsn.screens import splits
from cwamsn.screens.hosts import Fetched, fetch, usable
from cwamsn.screens.names import parse_addresses
from cwamsn.screens.sources.base import Metadata
from cwamsn.screens.sources.listed.hint import hint
from cwamsn.screens.sources.listed.plate_maps import OTHER, read_plate_map, say_what_is_odd

_OF_PLATES = {plain_name(name.removeprefix("Metadata_")) for name in PLATES}
PlateMaps = dict[str, tuple[str, pd.DataFrame]]
"""Plate → (name of its plate map, table of its wells as :func:`plate_map_of` makes it)."""

BARCODES = "plates have another name in files than their barcode"
"""A note that says how barcodes were written as names of files, and asks for nothing."""


def wells_of(
    screen: str,
    spec: ListedSpec,
    maps: PlateMaps,
    experiments: Mapping[str, str],
    used: list[Fetched],
    sources: Mapping[str, str] | None = None,
) -> Metadata:
    """The wells of the plate maps on every plate, and where they came from.

    screen : name of the screen, for the table. experiments : plate → batch; a plate that is not in it is its own batch.
    used : the files that were read. sources : plate → laboratory, where the screen says so.
    """
    notes: list[str] = []
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
    if sources:
        table["source"] = table["plate"].map(sources)
    table = _with_barcodes(table, spec)
    if perturbation.isna().all():
        if not table["_unfilled"].all():
            raise InputError(
                f"{spec.platemap}: no well has a perturbation; correct compound_column ({spec.compound_column})"
            )
        what = f"{spec.platemap}: {spec.compound_column} is empty in every row" if spec.platemap else "no plate map"
        needed = "fill it in" if spec.platemap else "give one"
        note(f"{what}: no well has a perturbation or is a control; {needed} for an alignment, neighbours and hits")
        return Metadata(table, used, notes)
    say_what_is_odd(table, spec)
    if spec.split == "own":
        labels = splits.own_split(molecule[treated], spec.split_seed)  # stereo-isomers stay in one split
        table["split"] = molecule.where(treated).map(labels)
        table["split"] = table["split"].astype(object).where(table["split"].notna(), None)
        notes.append(f"own split: 70/10/20 of {len(labels)} compounds, seed {spec.split_seed}")
    return Metadata(table, used, notes)


def _with_barcodes(table: pd.DataFrame, spec: ListedSpec) -> pd.DataFrame:
    """The table with the plates' barcodes, where they cannot name files."""
    cleaned = {name: text for name, text in spec.barcodes().items() if name != text}
    if not cleaned:
        return table
    shown = ", ".join(f"{text!r} is {name}" for name, text in list(cleaned.items())[:3])
    note(f"{len(cleaned)} {BARCODES}: {shown}")
    return table.assign(barcode=table["plate"].map(cleaned).fillna(table["plate"]))


def say_wells_without_entry(maps: PlateMaps, listed: Mapping[str, Iterable[str]], spec: ListedSpec) -> None:
    """A note on wells with images that the plate maps lack, which are left out. listed : plate → wells with images."""
    lost = []
    for plate, wells in listed.items():
        known = set(maps[plate][1]["address"])
        addresses = parse_addresses(pd.Series(list(wells), dtype=object), plate)["address"]
        lost += [f"{plate} {address}" for address in dict.fromkeys(addresses) if address not in known]
    if lost:
        shown = ", ".join(lost[:3]) + (", ..." if len(lost) > 3 else "")
        note(f"{spec.platemap}: lacks {len(lost)} wells that have images, which are left out: {shown}")


def wells_without_map(addresses: Mapping[str, Iterable[str]], label: str) -> PlateMaps:
    """Plate → its wells, none with a perturbation. addresses : plate → wells in which images lie."""
    maps = {}
    columns = ("treatment", "compound", "control", "concentration", "smiles", "inchikey", "gene")
    for plate, texts in addresses.items():
        where = parse_addresses(pd.Series(list(texts), dtype=object), label).drop_duplicates("address")
        maps[plate] = ("", where.assign(**dict.fromkeys(columns), _unfilled=True))
    return maps


def read_plate_maps(spec: ListedSpec, cache: Path, used: list[Fetched]) -> PlateMaps:
    """The plate map of each plate; the files that it read are added to `used`."""
    barcodes = spec.barcodes()
    plates = list(barcodes)
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
        location = spec.location("platemap", plate=barcodes[plate], platemap=names[plate])
        if location not in tables:
            used.append(fetch(location, cache, spec.retry))
            tables[location] = read_plate_map(used[-1], spec)
        frame = tables[location]
        if spec.platemap_plate_column:
            known = frame["_plate"].unique()
            frame = frame[frame["_plate"] == plate]
            if frame.empty:
                raise InputError(f"{location}: has no row of plate {plate}{hint(plate, spec, known)}")
        else:
            _refuse_other_plates(frame, plate, plates, location)
        if frame["address"].duplicated().any():
            first = frame["address"][frame["address"].duplicated()].iloc[0]
            raise InputError(
                f"{location}: well {first} appears twice; keep one row of each, or set platemap_plate_column"
            )
        maps[plate] = (names[plate] or Path(location).stem, frame.drop(columns="_plate"))
    if spec.platemap_plate_column:
        _say_unused("platemap", [p for t in tables.values() for p in t["_plate"].unique()], plates, spec)
    return maps


def _refuse_other_plates(frame: pd.DataFrame, plate: str, plates: list[str], location: str) -> None:
    """InputError for a map that says by a column of its own that some of its rows are of other plates of the screen.

    A column of plates that the screen does not have may name the map itself.
    """
    for column in frame:
        name = str(column).removeprefix(OTHER)
        if name == column or plain_name(name) not in _OF_PLATES:
            continue
        named = list(dict.fromkeys(plate_name(text) for text in frame[column].dropna()))
        others = [text for text in named if text != plate and text in plates]
        if others or (plate in named and len(named) > 1):
            raise InputError(
                f"{location}: column {name} names plate {(others or named)[0]}, but the map is taken for plate {plate} "
                "too; set platemap_plate_column to it, or leave the column out"
            )


def _barcodes(fetched: Fetched) -> dict[str, str]:
    """Plate → name of its plate map."""
    with usable(fetched):
        return read_barcodes(fetched.path, fetched.url)


def _say_unused(key: str, known: Iterable[str], plates: list[str], spec: ListedSpec) -> None:
    """Note plates that a table of the user has but not the screen, which takes those of load_data."""
    unused = [plate for plate in known if plate not in set(plates)]
    if unused and spec.plates is None:
        note(f"{len(unused)} plates of {key} are not in load_data and are left out: {', '.join(unused[:5])}")
