"""From a folder of images to the files that describe it as a screen: load_data.csv, a plate-map template, my.yaml."""

import csv
import io
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import yaml

from cwamsn.errors import InputError
from cwamsn.files import atomic_path
from cwamsn.naming import check_name, plate_names
from cwamsn.screen_specs.chosen_stains import Channels, in_order
from cwamsn.screen_specs.folders import FolderImage, FolderImages, look_into, one_per_plane
from cwamsn.screen_specs.harmony import HarmonyIndex, read_index
from cwamsn.screen_specs.image_options import STACKS
from cwamsn.screen_specs.listed import check_stains
from cwamsn.screen_specs.platemap_columns import guessed_columns
from cwamsn.screen_specs.selection import DEPTHS

LIST, PLATE_MAP, CONFIGURATION = "load_data.csv", "platemap.csv", "my.yaml"
_TEMPLATE = {
    "platemap_well_column": "well",
    "compound_column": "compound",
    "concentration_column": "concentration_um",
    "concentration_unit": "umoles_per_liter",
    "control_values": ["DMSO"],
}


@dataclass(frozen=True, kw_only=True)
class StartOptions:
    """How a folder is looked at, and what is written."""

    pattern: str | None = None
    channels: Channels | None = None
    """Stains, in the order of the words, or stain → word; None: as Harmony's index names them, else the words."""
    platemap: Path | None = None
    """A plate map that there is already; None: a template is written."""
    stack: str | int | None = None
    """What becomes of several depths, as `images.stack`."""
    time: int | None = None
    name: str = "mine"
    """Of the screen and of the run."""
    force: bool = False
    """Replace load_data.csv and my.yaml of before; a plate map is never replaced."""


@dataclass(frozen=True)
class Start:
    """What a folder holds, and what was written."""

    looked: FolderImages
    stains: dict[str, str]
    """Stain → word."""
    wells: list[tuple[str, str]]
    """Barcode and address of each well."""
    fields: int
    images: int
    lacking: dict[str, int]
    """Stain → fields that have no image of it; only stains of which some are missing."""
    incomplete: int
    """Fields that lack a stain."""
    index: HarmonyIndex
    files: dict[str, Path] = field(default_factory=dict)
    kept_plate_map: bool = False


def start_screen(folder: Path, to: Path, options: StartOptions) -> Start:
    """Write `load_data.csv`, `platemap.csv` (unless there is one) and `my.yaml` to the folder `to`.

    Raises
    ------
    InputError
        For a folder whose names match nothing, two files for one plane, several time points or depths without a
        choice, and a file that is there already.
    """
    check_name(options.name, "--name")
    looked = look_into(folder, options.pattern)
    index = read_index(looked)
    words = looked.channels()
    if options.channels is not None:
        stains = in_order(options.channels, words, str(folder))
        lost = next((f"{s} is {w!r}" for s, w in stains.items() if w not in words), None)
        if lost:
            raise InputError(f"channels: {lost}, which no file of {folder} has; it has {', '.join(words)}")
    else:
        stains = {index.names.get(word, word): word for word in words}
    check_stains(list(stains))
    plate_names(looked.plates())
    rows = _rows(looked, stains, options)
    start = _counted(looked, stains, rows, index)
    _write(start, rows, to, options)
    return start


def _rows(looked: FolderImages, stains: Mapping[str, str], options: StartOptions) -> list[dict[str, str]]:
    """One row per field, as load_data.csv has them."""
    by_word = {word: stain for stain, word in stains.items()}
    of_plates: dict[str, list[FolderImage]] = {}
    for image in looked.images:
        of_plates.setdefault(image.plate, []).append(image)
    rows = []
    for plate in sorted(of_plates):
        images = [i for i in one_per_plane(of_plates[plate], looked.folder, options.time) if i.channel in by_word]
        depths = sorted({i.z for i in images})
        if len(depths) > 1 and options.stack in (None, "refuse"):
            shown = ", ".join(map(str, depths[:5]))
            raise InputError(
                f"{looked.folder}: plate {plate} has {len(depths)} depths (z {shown}) per field; say what becomes of "
                "them: --stack max, --stack sharpest, or the number of one, from 0"
            )
        planes: dict[tuple[str, int], dict[str, list[str]]] = {}
        for image in images:
            field_ = planes.setdefault((image.well, image.site), {})
            field_.setdefault(by_word[image.channel], []).append(image.path)
        for (well, site), found in planes.items():
            row = {"Metadata_Plate": plate, "Metadata_Well": well, "Metadata_Site": str(site)}
            for stain in stains:
                name, where = _place(looked.folder, found.get(stain, []))
                row |= {f"FileName_Orig{stain}": name, f"PathName_Orig{stain}": where}
            rows.append(row)
    return rows


def _place(folder: Path, paths: list[str]) -> tuple[str, str]:
    """(file name, folder) of an image; the names of several depths with `|` between."""
    if not paths:
        return "", ""
    parents = {str(PurePosixPath(path).parent) for path in paths}
    if len(parents) > 1:  # MetaXpress has a folder per depth
        return DEPTHS.join(paths), str(folder.resolve())
    return DEPTHS.join(path.rpartition("/")[2] for path in paths), str((folder / paths[0]).parent.resolve())


def _counted(looked: FolderImages, stains: dict[str, str], rows: list[dict[str, str]], index: HarmonyIndex) -> Start:
    names = {stain: f"FileName_Orig{stain}" for stain in stains}
    lacking = Counter(stain for row in rows for stain, column in names.items() if not row[column])
    return Start(
        looked,
        stains,
        list(dict.fromkeys((row["Metadata_Plate"], row["Metadata_Well"]) for row in rows)),
        len(rows),
        sum(len(row[column].split(DEPTHS)) for row in rows for column in names.values() if row[column]),
        {stain: lacking[stain] for stain in stains if lacking[stain]},
        sum(any(not row[column] for column in names.values()) for row in rows),
        index,
    )


def _write(start: Start, rows: list[dict[str, str]], to: Path, options: StartOptions) -> None:
    for name in (LIST, CONFIGURATION):
        if (to / name).exists() and not options.force:
            raise InputError(f"{to / name}: is there already; --force replaces it, --to FOLDER writes elsewhere")
    if options.platemap is not None and not options.platemap.is_file():
        raise InputError(f"{options.platemap}: no such file; leave --platemap out for a template to fill in")
    keys = guessed_columns(options.platemap, ",", {}) if options.platemap else {**_TEMPLATE}
    several = len({plate for plate, _ in start.wells}) > 1
    platemap = options.platemap or to / PLATE_MAP
    if options.platemap is None:
        keys |= {"platemap_plate_column": "plate"} if several else {}
    to.mkdir(parents=True, exist_ok=True)
    start.files[LIST] = to / LIST
    _write_text(to / LIST, _csv([list(rows[0]), *(list(row.values()) for row in rows)]))
    if options.platemap is None and not platemap.exists():
        header = [*(["plate"] if several else []), "well", "compound", "concentration_um"]
        wells = sorted(start.wells)
        _write_text(platemap, _csv([header, *([*([p] if several else []), w, "", ""] for p, w in wells)]))
        start.files[PLATE_MAP] = platemap
    start.files[CONFIGURATION] = to / CONFIGURATION
    _write_text(to / CONFIGURATION, _configuration(start, to, platemap, keys, options))


def _configuration(start: Start, to: Path, platemap: Path, keys: Mapping[str, object], options: StartOptions) -> str:
    """The text of my.yaml. Paths are absolute, so that it works from every folder."""
    looked, name = start.looked, options.name
    screen: dict[str, object] = {"source": "load-data", "load_data": str((to / LIST).resolve())}
    screen |= {"platemap": str(platemap.resolve())} | dict(keys)
    screen["channels"] = {stain: stain for stain in start.stains}
    screen["crops"] = {"channels": list(start.stains)}
    images: dict[str, object] = {}
    if options.stack not in (None, "refuse"):
        images["stack"] = options.stack
    if start.index.microns_per_pixel:
        images["microns_per_pixel"] = start.index.microns_per_pixel
    if images:
        screen["images"] = images
    found = f"{len(looked.plates())} plates, {len(start.wells)} wells, {start.fields} fields"
    lines = [
        f"# By `cwamsn init`: {found}; names as {looked.pattern.name} has them.",
        f"# {'Then' if options.platemap else f'Fill in {platemap.name}; then'}: cwamsn check {CONFIGURATION}",
        _yaml({"run": name}),
        _yaml({"methods": ["untrained-vit"]}) + " # cwa-msn trains on these plates; kind: encoder takes a trained one",
        _yaml({"training_screen": name}),
        _yaml({"evaluate": {name: ["replicate_map"]}}),
        "screens:",
        f"  {_text(name)}:",
        *(f"    {_yaml({key: value})}" for key, value in screen.items()),
    ]
    return "\n".join(lines) + "\n"


def _yaml(value: Mapping[str, object]) -> str:
    """A key and its value in one line."""
    (key, inner), *_ = value.items()
    return f"{key}: {_text(inner)}"


def _text(value: object) -> str:
    """A value as YAML writes it in one line."""
    text = yaml.safe_dump(value, default_flow_style=True, width=10_000, sort_keys=False, allow_unicode=True)
    return text.strip().removesuffix("...").strip()


def _csv(rows: list[list[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def _write_text(path: Path, text: str) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def parse_stack(text: str | None) -> str | int | None:
    """`max`, `sharpest` or a number from 0, as a user writes it. InputError for anything else."""
    if text is None or text in STACKS:
        return text
    if text.isdigit():
        return int(text)
    raise InputError(f"--stack {text}: is not known; write {', '.join(STACKS)} or a number from 0")
