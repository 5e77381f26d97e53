"""Keys of every screen whose images are in a list or folder and whose wells are in plate maps."""

from abc import abstractmethod
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from cwamsn.errors import InputError
from cwamsn.naming import plate_name, plate_names
from cwamsn.screen_specs.base import HostedSpec
from cwamsn.screen_specs.image_options import ImageOptions
from cwamsn.screen_specs.images import known_location
from cwamsn.screen_specs.locations import local_path
from cwamsn.screen_specs.text import read_rows, require_columns


@dataclass(frozen=True, kw_only=True)
class ListedSpec(HostedSpec):
    """What such screens have in common; `config/README.md` describes every key."""

    list_key: ClassVar[str]
    """The key that names the list or folder of images."""
    platemap: str | None = None
    barcode_platemap: str | None = None
    plates: list[int | str] | None = None
    path_map: dict[str, str] = field(default_factory=dict)
    platemap_separator: str = ","
    platemap_well_column: str = "well_position"
    platemap_plate_column: str | None = None
    compound_column: str = "broad_sample"
    compound_pattern: str | None = None
    gene_column: str | None = None
    guide_column: str | None = None
    concentration_column: str | None = "mmoles_per_liter"
    concentration_unit: str = "mmoles_per_liter"
    smiles_column: str | None = None
    inchikey_column: str | None = None
    identity: str = "inchikey"
    control_column: str | None = None
    control_values: list[str] = field(default_factory=lambda: ["DMSO", ""])
    perturbation_type: str = "COMPOUND"
    watch_images: bool = True
    split: str = "none"
    split_seed: int = 0
    images: ImageOptions = field(default_factory=ImageOptions)

    def image_options(self) -> ImageOptions:
        """What the image files hold."""
        return self.images

    @abstractmethod
    def listed_plates(self) -> list[str]:
        """Barcodes that the list of images names, where `plates` does not; InputError where they cannot be had."""

    @abstractmethod
    def stains(self) -> list[str]:
        """Names of the stains, in order; InputError where they cannot be had before the list is fetched."""

    def units(self) -> list[str]:
        """Plates, by their name in files: those of `plates`, else of the list."""
        return list(self.barcodes())

    def barcodes(self) -> dict[str, str]:
        """Name in files → barcode of each plate."""
        self.check_stains()
        if self.plates is None:
            return plate_names(self.listed_plates())
        if not self.plates:
            raise InputError("plates: is empty; list plates, or leave the key out for all")
        found = plate_names(self.plates)
        if len(found) < len(self.plates):
            names = [plate_name(p) for p in self.plates]
            repeated = next(name for name in names if names.count(name) > 1)
            raise InputError(f"plates: {repeated} is listed twice; list each once")
        return found

    def barcode(self, unit: str) -> str:
        """What the user calls a plate."""
        return self.barcodes().get(unit, unit)

    def check_stains(self) -> None:
        """InputError for a stain that cannot name a file."""
        check_stains(self.stains())

    def location(self, key: str, **names: str) -> str:
        """The location that `key` gives, with `{plate}` (the barcode) and `{platemap}` filled in."""
        text = str(getattr(self, key))
        for name, value in names.items():
            text = text.replace(f"{{{name}}}", value)
        return known_location(text, key)

    def list_files(self) -> list[str]:
        """Locations of the list of images: one, or one per plate."""
        return []

    def metadata_files(self) -> list[str]:
        """The lists, the barcode table and the plate maps."""
        barcodes = self.barcodes()
        found = self.list_files()
        names = dict.fromkeys(barcodes, "")
        if self.barcode_platemap:
            location = self.location("barcode_platemap")
            found.append(location)
            path = local_path(location)
            names = read_barcodes(path, location) if path is not None and path.is_file() else {}
        if self.platemap and (names or "{platemap}" not in self.platemap):
            found += [self.location("platemap", plate=barcodes[p], platemap=names.get(p, "")) for p in barcodes]
        return list(dict.fromkeys(found))


def check_depths(depths: Collection[str], spec: ListedSpec, source: str) -> None:
    """InputError for files of several depths (z) where `images.stack` does not say which is meant."""
    if len(depths) > 1 and spec.images.stack == "refuse":
        shown = ", ".join(sorted(depths, key=lambda z: float(z or 0))[:5])
        raise InputError(
            f"{source}: has {len(depths)} depths (z {shown}) per field; set images: {{stack: max}}, sharpest, or the "
            "number of one, from 0"
        )


def check_stains(stains: list[str]) -> None:
    """InputError for a stain that cannot name a file."""
    stain = next((c for c in stains if "/" in c or c.startswith(".")), None)
    if stain is not None:
        raise InputError(
            f"channels: stain {stain!r} cannot name a file; give it a name without '/' and a dot at its "
            f"start: channels: {{NAME: {stain}}}, --channels NAME={stain}"
        )


def read_barcodes(path: Path, label: str) -> dict[str, str]:
    """Plate → name of its plate map. InputError, naming `label`, for a plate with none or several."""
    table = read_rows(path, label)
    require_columns(table.columns, ("Assay_Plate_Barcode", "Plate_Map_Name"), label)
    plate, name = table.place("Assay_Plate_Barcode"), table.place("Plate_Map_Name")
    pairs = list(dict.fromkeys((plate_name(row[plate]), row[name]) for row in table.rows.values()))
    most, count = Counter(plate for plate, _ in pairs).most_common(1)[0]
    if count > 1:
        raise InputError(f"{label}: plate {most} has {count} plate maps; keep one")
    unnamed = next((plate for plate, name in pairs if not name), None)
    if unnamed is not None:
        raise InputError(f"{label}: plate {unnamed} has no Plate_Map_Name; fill it in")
    return dict(pairs)
