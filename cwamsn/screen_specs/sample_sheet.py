"""Keys of a screen that a sample sheet lists, one row per image (`source: sample-sheet`)."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

from cwamsn.errors import InputError
from cwamsn.naming import plate_name, plate_text
from cwamsn.screen_specs.images import known_location, local_images
from cwamsn.screen_specs.listed import ListedSpec, check_depths
from cwamsn.screen_specs.locations import local_path
from cwamsn.screen_specs.text import TextTable, read_rows, require_columns
from cwamsn.screen_specs.watch import state_of_paths


@dataclass(frozen=True)
class SheetImage:
    """One row of a sample sheet."""

    row: int
    plate: str
    """By its name in files."""
    well: str
    site: str
    channel: str
    path: str
    z: str = ""


@dataclass(frozen=True, kw_only=True)
class SampleSheetSpec(ListedSpec):
    """Section `screens.<name>` of such a screen; `config/README.md` describes every key."""

    source: ClassVar[str] = "sample-sheet"
    list_key: ClassVar[str] = "sheet"
    sheet: str
    base: str | None = None
    channels: dict[str, str] | None = None
    separator: str = ","
    plate_column: str = "plate"
    well_column: str = "well"
    site_column: str = "site"
    channel_column: str = "channel"
    path_column: str = "path"
    z_column: str | None = None
    experiment_column: str | None = None
    source_column: str | None = None

    def columns(self) -> dict[str, str]:
        """Columns of the sheet by what they hold."""
        named = {
            "plate": self.plate_column,
            "well": self.well_column,
            "site": self.site_column,
            "channel": self.channel_column,
            "path": self.path_column,
        }
        return named | ({"z": self.z_column} if self.z_column else {})

    def local_sheet(self) -> Path | None:
        """The sheet, where it is on this machine. InputError where it is not there."""
        path = local_path(known_location(self.sheet, "sheet"))
        if path is not None and not path.is_file():
            raise InputError(f"{path}: no such file; correct `sheet` of the screen")
        return path

    def images_in(self, table: TextTable) -> list[SheetImage]:
        """The rows of the sheet. InputError for a row without plate, well, channel or path, and a repeated image."""
        columns = self.columns()
        require_columns(table.columns, tuple(columns.values()), table.label)
        places = {key: table.place(column) for key, column in columns.items()}
        names: dict[str, str] = {}
        seen: dict[tuple[str, ...], SheetImage] = {}
        for number, row in table.rows.items():
            cells = {key: row[at] for key, at in places.items()}
            empty = next((key for key in columns if key not in ("site", "z") and not cells[key]), None)
            if empty:
                raise InputError(f"{table.label}: row {number} has no {columns[empty]}; fill it in")
            plate = names.setdefault(cells["plate"], plate_name(cells["plate"]))
            image = SheetImage(
                number,
                plate,
                cells["well"],
                cells["site"] or "1",
                cells["channel"],
                cells["path"],
                cells.get("z", ""),
            )
            if image.z and not image.z.replace(".", "", 1).isdigit():
                raise InputError(f"{table.label}: row {number}: {image.z!r} is not the number of a depth; correct it")
            key = (plate, image.well.upper(), image.site, image.channel, image.z)
            other = seen.setdefault(key, image)
            if other is not image:
                same = "repeats" if other.path == image.path else f"names another file ({image.path}) for the image of"
                raise InputError(
                    f"{table.label}: row {number} {same} row {other.row} (plate {plate}, well {image.well}, site "
                    f"{image.site}, channel {image.channel}); keep one row of each image"
                )
        return list(seen.values())

    def words(self, table: TextTable) -> dict[str, str]:
        """Stain → the word that stands for it in the sheet. InputError for a word that it does not have."""
        require_columns(table.columns, (self.channel_column,), table.label)
        at = table.place(self.channel_column)
        known = list(dict.fromkeys(row[at] for row in table.rows.values() if row[at]))
        if self.channels is None:
            return {word: word for word in known}
        for stain, word in self.channels.items():
            if word not in known:
                raise InputError(
                    f"channels: {stain} is {word!r}, which {table.label} does not have; it has {', '.join(known)}"
                )
        return dict(self.channels)

    def stains(self) -> list[str]:
        """Those of `channels`, else the words of a local sheet in the order in which it has them."""
        if self.channels is not None:
            return list(self.channels)
        path = self.local_sheet()
        if path is None:
            raise InputError(f"channels: name the stains of a sheet that is not on this machine ({self.sheet})")
        return list(self.words(read_sheet(path, self.separator)))

    def listed_plates(self) -> list[str]:
        """Barcodes of a local sheet, in its order."""
        path = self.local_sheet()
        if path is None:
            raise InputError("plates: must be listed for a sheet that is remote")
        table = read_sheet(path, self.separator)
        require_columns(table.columns, (self.plate_column,), str(path))
        at = table.place(self.plate_column)
        plates = {row[at]: plate_text(row[at]) for row in table.rows.values()}
        if "" in plates.values():
            number = next(n for n, row in table.rows.items() if not plates[row[at]])
            raise InputError(f"{path}: row {number} has no {self.plate_column}; fill it in")
        return list(dict.fromkeys(plates.values()))

    def list_files(self) -> list[str]:
        """The sheet."""
        return [self.location("sheet")]

    def state(self, unit: str) -> str:
        """Changes when a plate's rows of a local sheet do, or its local images (unless `watch_images` is false)."""
        path = self.local_sheet()
        if path is None:
            return ""
        images = _images_of_plates(self, str(path), path.stat().st_mtime_ns).get(unit, [])
        check_depths({i.z for i in images}, self, str(path))
        rows = "\n".join(f"{i.well},{i.site},{i.channel},{i.path},{i.z}" for i in images)
        paths: list[str] = []
        if self.watch_images:
            base = self.base or str(path.parent)
            paths = local_images([i.path for i in images], [""] * len(images), base, str(path), self.path_map)
        return state_of_paths(paths, rows)


def read_sheet(path: Path, separator: str) -> TextTable:
    """A local sheet, read once while it does not change."""
    return _read(str(path), separator, path.stat().st_mtime_ns)


@lru_cache(maxsize=8)
def _read(path: str, separator: str, changed: int) -> TextTable:
    return read_rows(Path(path), path, separator)


_OF_PLATES: dict[tuple[object, ...], dict[str, list[SheetImage]]] = {}


def _images_of_plates(spec: SampleSheetSpec, path: str, changed: int) -> dict[str, list[SheetImage]]:
    """Rows of a local sheet by plate; the latest sheets are kept, since each plate asks anew."""
    key = (path, changed, *spec.columns().items())
    if key not in _OF_PLATES:
        while len(_OF_PLATES) > 7:
            _OF_PLATES.pop(next(iter(_OF_PLATES)))
        _OF_PLATES[key] = by_plate(spec.images_in(read_sheet(Path(path), spec.separator)))
    return _OF_PLATES[key]


def by_plate(images: Iterable[SheetImage]) -> dict[str, list[SheetImage]]:
    """Images of each plate, in their order."""
    found: dict[str, list[SheetImage]] = {}
    for image in images:
        found.setdefault(image.plate, []).append(image)
    return found
