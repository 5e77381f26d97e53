"""Wells of a screen with a load_data.csv; which batch each plate belongs to, where that says so."""

import re
from pathlib import Path

import pandas as pd

from cwamsn.errors import InputError
from cwamsn.notes import note
from cwamsn.screen_specs.load_data import LoadDataSpec
from cwamsn.screen_specs.locations import local_path
from cwamsn.screens.hosts import Fetched, fetch
from cwamsn.screens.sources.base import Metadata
from cwamsn.screens.sources.listed import PlateMaps, hint, read_plate_maps, wells_of, wells_without_map
from cwamsn.screens.sources.load_data.listing import read_load_data
from cwamsn.text_tables import require_columns


def read_wells(screen: str, spec: LoadDataSpec, cache: Path) -> Metadata:
    """The wells of the plate map on every plate, and where they came from."""
    used: list[Fetched] = []
    maps = _listed_wells(spec, cache) if spec.platemap is None else read_plate_maps(spec, cache, used)
    experiments, sources = _load_data_of_all(spec, cache, used)
    return wells_of(screen, spec, maps, experiments, used, sources)


def _listed_wells(spec: LoadDataSpec, cache: Path) -> PlateMaps:
    """The wells that images lie in: a screen without a plate map."""
    if spec.load_data is None:
        raise InputError("platemap: is null and so is load_data; a screen needs one of them")
    wells = {}
    for plate in spec.units():
        fetched = fetch(spec.list_location(plate), cache, spec.retry)
        frame = read_load_data(fetched, spec)
        rows = frame[frame["_plate"] == plate]
        if rows.empty:
            raise InputError(f"{fetched.url}: has no row of plate {plate}{hint(plate, spec, frame['_plate'].unique())}")
        wells[plate] = rows[spec.well_column]
    return wells_without_map(wells, spec.load_data)


def _load_data_of_all(spec: LoadDataSpec, cache: Path, used: list[Fetched]) -> tuple[dict[str, str], dict[str, str]]:
    """Plate → batch where `experiment_column` names it, and plate → laboratory where `source_column` does.

    Before any image is fetched, checks that all plates are there. A remote load_data of which no such column is wanted
    is not read here: fetching reads it plate by plate.
    """
    wanted = {"experiment_column": spec.experiment_column, "source_column": spec.source_column}
    if spec.load_data is None:
        key = next((key for key, column in wanted.items() if column), None)
        if key:
            raise InputError(f"{key}: names a column of load_data, which is null; set load_data")
        return {}, {}
    if local_path(spec.location("load_data")) is None and not any(wanted.values()):
        return {}, {}
    plates = spec.units()
    frames = []
    for location in spec.list_files():
        used.append(fetch(location, cache, spec.retry))
        frames.append(read_load_data(used[-1], spec))
    known = pd.concat(frames)
    plates_known = list(dict.fromkeys(known["_plate"]))
    for plate in plates:
        if plate not in plates_known:
            raise InputError(f"{spec.load_data}: has no row of plate {plate}{hint(plate, spec, plates_known)}")
    known = known[known["_plate"].isin(plates)]
    _say_swapped(known, spec)
    require_columns(known, tuple(column for column in wanted.values() if column), spec.load_data)
    sources = _of_plates(known, spec.source_column, spec) if spec.source_column else {}
    if spec.experiment_column:
        return _of_plates(known, spec.experiment_column, spec), sources
    for column in known.columns:
        if column.casefold().endswith("batch"):
            several = known.groupby("_plate")[column].nunique()
            if (several > 1).any():
                plate = several.index[(several > 1).argmax()]
                note(
                    f"plate {plate} has several values of {column} in load_data: two plates of one name? "
                    "(experiment_column takes the batch)"
                )
    return {}, sources


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


def _of_plates(frame: pd.DataFrame, column: str, spec: LoadDataSpec) -> dict[str, str]:
    """Plate → batch or laboratory; InputError for a plate with none, or with two, which may be two of one name."""
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
