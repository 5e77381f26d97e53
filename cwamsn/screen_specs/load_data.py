"""Keys of a screen that a load_data.csv and plate maps describe (`source: load-data`), and its plates."""

import csv
import io
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

from cwamsn.errors import InputError
from cwamsn.naming import plate_name, plate_text
from cwamsn.screen_specs.images import known_location, local_images
from cwamsn.screen_specs.listed import ListedSpec
from cwamsn.screen_specs.locations import local_path
from cwamsn.screen_specs.text import TextTable, read_rows, require_columns
from cwamsn.screen_specs.watch import state_of_paths


def _channels() -> dict[str, str]:
    return {"Mito": "Mito", "ERSyto": "ER", "ERSytoBleed": "RNA", "Ph_golgi": "AGP", "Hoechst": "DNA"}


@dataclass(frozen=True, kw_only=True)
class LoadDataSpec(ListedSpec):
    """Section `screens.<name>` of such a screen; `config/README.md` describes every key."""

    source: ClassVar[str] = "load-data"
    list_key: ClassVar[str] = "load_data"
    load_data: str | None = None
    base: str | None = None
    channels: dict[str, str] = field(default_factory=_channels)
    separator: str = ","
    plate_column: str = "Metadata_Plate"
    well_column: str = "Metadata_Well"
    site_column: str = "Metadata_Site"
    experiment_column: str | None = None
    source_column: str | None = None

    def stains(self) -> list[str]:
        """Those of `channels`."""
        return list(self.channels)

    def listed_plates(self) -> list[str]:
        """Barcodes of a local load_data, else of a local plate map or barcode table."""
        key, location, column = self._names_plates()
        path = local_path(known_location(location, key))
        if path is None or "{" in location:
            raise InputError(f"plates: must be listed for a {key} file that is remote or one per plate")
        if not path.is_file():
            raise InputError(f"{path}: no such file; correct `{key}` of the screen")
        table = _read(path, self.platemap_separator if key == "platemap" else self.separator)
        require_columns(table.columns, (column,), str(path))
        at = table.place(column)
        plates = {row[at]: plate_text(row[at]) for row in table.rows.values()}
        if "" in plates.values():
            number = next(n for n, row in table.rows.items() if not plates[row[at]])
            raise InputError(f"{path}: row {number} has no {column}; fill it in")
        return list(dict.fromkeys(plates.values()))

    def _names_plates(self) -> tuple[str, str, str]:
        """(key, location, column) of the table that names the plates."""
        if self.load_data is not None:
            return "load_data", self.load_data, self.plate_column
        if self.barcode_platemap:
            return "barcode_platemap", self.barcode_platemap, "Assay_Plate_Barcode"
        if self.platemap and self.platemap_plate_column:
            return "platemap", self.platemap, self.platemap_plate_column
        raise InputError("plates: must be listed, or platemap_plate_column set, where there is no load_data")

    def list_files(self) -> list[str]:
        """load_data: one, or one per plate."""
        if not self.load_data:
            return []
        return list(dict.fromkeys(self.location("load_data", plate=barcode) for barcode in self.barcodes().values()))

    def list_location(self, unit: str) -> str:
        """Location of the load_data with a plate's rows."""
        barcode = self.barcodes().get(unit, unit) if "{plate}" in str(self.load_data) else unit
        return self.location("load_data", plate=barcode)

    def state(self, unit: str) -> str:
        """Changes when a plate's rows of a local load_data do, or its local images (unless `watch_images` is false)."""
        path = local_path(self.list_location(unit)) if self.load_data else None
        if path is None or not path.is_file():
            return ""
        table = _read(path, self.separator)
        require_columns(table.columns, (self.plate_column, self.well_column, self.site_column), str(path))
        columns = {stain: self.image_columns(table.columns, stain, str(path)) for stain in self.channels}
        used = [self.well_column, self.site_column, *(c for pair in columns.values() for c in pair if c)]
        rows = _rows_of_plates(str(path), path.stat().st_mtime_ns, self.separator, self.plate_column).get(unit, [])
        images: list[str] = []
        if self.watch_images:
            base = self.base or str(path.parent)
            for file_column, folder_column in columns.values():
                at = table.place(file_column)
                folders = [row[table.place(folder_column)] for row in rows] if folder_column else [""] * len(rows)
                images += local_images([row[at] for row in rows], folders, base, str(path), self.path_map)
        return state_of_paths(images, _as_csv(used, [[row[table.place(c)] for c in used] for row in rows]))

    def image_columns(self, known: Iterable[str], stain: str, label: str) -> tuple[str, str | None]:
        """(column of the file name or URL, column of its folder or None) of a stain in load_data; `Orig` is optional.

        known : columns of the table. label : names it in the InputError for a stain that it lacks.
        """
        names, suffix = list(known), self.channels[stain]
        for tail in (suffix, f"Orig{suffix}"):
            if f"FileName_{tail}" in names:
                return f"FileName_{tail}", f"PathName_{tail}" if f"PathName_{tail}" in names else None
            if f"URL_{tail}" in names:
                return f"URL_{tail}", None
        has = [c.split("_", 1)[1].removeprefix("Orig") for c in names if c.startswith(("FileName_", "URL_"))]
        raise InputError(
            f"{label}: has no FileName_{suffix}, FileName_Orig{suffix} or URL_Orig{suffix} for channel {stain}; "
            f"it has {', '.join(has) or 'no image column'}: correct `channels` of the screen"
        )


_NO_STAIN = re.compile(r"illum.*|brightfield.*|(high|low)_?z?_?bf|bf(_?(high|low|mid).*)?", re.IGNORECASE)


def image_channels(columns: Iterable[str]) -> list[str]:
    """Names of the image columns of a load_data table in their order, without `Orig`.

    Brightfield and illumination functions, which stand beside the stains in published tables, are left out.
    """
    heads = ("FileName_", "URL_")
    found = [c.split("_", 1)[1].removeprefix("Orig") for c in columns if c.startswith(heads)]
    return [c for c in dict.fromkeys(found) if c and not is_no_stain(c)]


def is_no_stain(channel: str) -> bool:
    """Whether a channel is brightfield or an illumination function, by its name."""
    return _NO_STAIN.fullmatch(channel) is not None


def _read(path: Path, separator: str) -> TextTable:
    return _local_table(str(path), path.stat().st_mtime_ns, separator)


@lru_cache(maxsize=32)
def _local_table(path: str, changed: int, separator: str) -> TextTable:
    """A table of the user's, read once while the graph forms; `changed` is its time."""
    return read_rows(Path(path), path, separator)


@lru_cache(maxsize=32)
def _rows_of_plates(path: str, changed: int, separator: str, column: str) -> dict[str, list[list[str]]]:
    """Rows of a local load_data by plate."""
    table = _local_table(path, changed, separator)
    at = table.place(column)
    plates = {text: plate_name(text) for text in {row[at] for row in table.rows.values()}}
    found: dict[str, list[list[str]]] = {}
    for row in table.rows.values():
        found.setdefault(plates[row[at]], []).append(row)
    return found


def _as_csv(header: list[str], rows: list[list[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    return text.getvalue()
