"""Keys of screens whose images are arrays of Zarr stores (`source: ome-zarr`, `jump-lite`), and their plates."""

import os
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

from cwamsn.errors import InputError
from cwamsn.screen_specs import ngff
from cwamsn.screen_specs.image_options import ImageOptions
from cwamsn.screen_specs.images import image_locations
from cwamsn.screen_specs.listed import ListedSpec
from cwamsn.screen_specs.locations import local_path
from cwamsn.screen_specs.watch import state_of_paths


def _stain(label: str) -> str:
    """A stain's name from a label such as `Phalloidin/WGA`: stains name files."""
    return label.replace("/", "-").lstrip(".") or "channel"


@dataclass(frozen=True, kw_only=True)
class ZarrSpec(ListedSpec):
    """What such screens have in common; `config/README.md` describes every key."""

    list_key: ClassVar[str] = "store"
    store: str
    empty_chunks: str = "refuse"

    @abstractmethod
    def image_files(self, unit: str) -> Iterable[Path]:
        """Files of a plate's images in a local store, pixels as far as `watch_images` says."""

    def place(self, text: str) -> str:
        """A location as it is fetched: mapped, `~` and `s3://` as everywhere."""
        return image_locations(text, "", "", self.list_key, self.path_map)[0]

    def store_location(self, unit: str) -> str:
        """Where the store with a plate's images is."""
        barcode = self.barcodes().get(unit, unit)
        return self.place(self.store.replace("{plate}", barcode))

    def state(self, unit: str) -> str:
        """Changes when the files of a local store do that a plate's images are read from."""
        location = local_path(self.store_location(unit))
        if location is None or not location.is_dir():
            return ""
        return state_of_paths(sorted(map(str, self.image_files(unit))), unit)

    def stores_of_plates(self) -> list[str]:
        """Barcodes of the local stores that `{plate}` of `store` stands for."""
        head, _, tail = self.place(self.store).partition("{plate}")
        folder, start = os.path.split(head)
        end, _, below = tail.partition("/")
        path = local_path(folder or ".")
        if path is None:
            raise InputError("plates: must be listed for stores that are not on this machine")
        if not path.is_dir():
            raise InputError(f"{path}: no such folder; correct `store` of the screen")
        names = sorted(entry.name for entry in path.iterdir() if (entry / below).is_dir())
        found = [
            name[len(start) : len(name) - len(end)]
            for name in names
            if name.startswith(start) and name.endswith(end) and len(name) > len(start) + len(end)
        ]
        if not found:
            has = ", ".join(names[:3]) or "nothing"
            raise InputError(f"{path}: no store is called {start}{{plate}}{end} (it has {has}); correct `store`")
        return found


@dataclass(frozen=True, kw_only=True)
class OmeZarrSpec(ZarrSpec):
    """Section `screens.<name>` of OME-Zarr plates (HCS); `config/README.md` describes every key."""

    source: ClassVar[str] = "ome-zarr"
    channels: dict[str, str | int] | None = None
    acquisition: int | None = None
    time: int | None = None

    def image_options(self) -> ImageOptions:
        """What the images hold; the pixel size is that of a local store, unless the key gives one."""
        first = None if self.images.microns_per_pixel else self._first_image()
        size = first.microns_per_pixel if first else None
        return self.images if size is None else replace(self.images, microns_per_pixel=size)

    def listed_plates(self) -> list[str]:
        """One per store that `{plate}` or a folder of stores names, else the store's own name."""
        if "{plate}" in self.store:
            return self.stores_of_plates()
        place = self.place(self.store)
        folder = local_path(place)
        if folder is None:
            return [ngff.store_stem(place)]
        if not folder.is_dir():
            raise InputError(f"{folder}: no such store; correct `store` of the screen")
        return list(_plates_in(str(folder)))

    def store_location(self, unit: str) -> str:
        """Where the plate's store is: `store`, or one of the stores in it."""
        place = self.place(self.store)
        folder = local_path(place)
        if "{plate}" in self.store or folder is None or not folder.is_dir():
            return super().store_location(unit)
        barcode, stores = self.barcodes().get(unit, unit), _plates_in(str(folder))
        if barcode not in stores:
            if list(stores.values()) == [str(folder)] and len(self.barcodes()) == 1:
                return str(folder)  # a single store, whose plate `plates` calls otherwise
            raise InputError(f"{folder}: has no plate {barcode}, only {', '.join(list(stores)[:5])}; correct `plates`")
        return stores[barcode]

    def list_files(self) -> list[str]:
        """The metadata of each local plate, which name its wells."""
        stores = [local_path(self.store_location(unit)) for unit in self.units()]
        files = [path for store in stores if store is not None for path in _group_files(store)]
        return [str(path) for path in files if path.is_file()]

    def stains(self) -> list[str]:
        """Those of `channels`, else the names of the channels in the first image of a local store."""
        if self.channels is not None:
            return list(self.channels)
        first = self._first_image()
        if first is None:
            raise InputError(
                "channels: must be given for a store that is not on this machine: {DNA: name or number, ...}"
            )
        return list(self.numbers(first, f"{self.store}: its first image"))

    def labels(self) -> tuple[str, ...] | None:
        """Labels of the channels in the first image, () where it names none; None where it is not on this machine."""
        first = self._first_image()
        return None if first is None else first.labels or ()

    def numbers(self, image: ngff.Image, label: str) -> dict[str, int]:
        """Stain → number of its channel in an image. InputError, beginning with `label`, for one that it lacks."""
        labels = image.labels
        if labels is not None and len(set(labels)) < len(labels):
            repeated = next(text for text in labels if labels.count(text) > 1)
            raise InputError(f"{label}: has two channels called {repeated}; give numbers: channels: {{DNA: 0, ...}}")
        if self.channels is None:
            if labels is None:
                raise InputError(f"{label}: does not name its channels; give numbers: channels: {{DNA: 0, ...}}")
            stains = {_stain(text): number for number, text in enumerate(labels)}
            if len(stains) < len(labels):
                raise InputError(f"{label}: two of the channels {', '.join(labels)} name one stain; give numbers")
            return stains
        found = {}
        for stain, meant in self.channels.items():
            number = meant if isinstance(meant, int) else _number(meant, labels)
            if number is None:
                has = f"has {', '.join(labels)}" if labels else "does not name its channels, so give numbers"
                raise InputError(f"{label}: no channel is called {meant}; it {has}: correct `channels` of the screen")
            found[stain] = number
        return found

    def _first_image(self) -> ngff.Image | None:
        """The first image of a local screen; None where none is on this machine."""
        if "{plate}" in self.store and self.plates:
            barcode = str(self.plates[0])
            folder = local_path(self.place(self.store.replace("{plate}", barcode)))
        elif "{plate}" in self.store:
            barcode = next(iter(self.stores_of_plates())) if local_path(self.place(self.store)) is not None else ""
            folder = local_path(self.place(self.store.replace("{plate}", barcode)))
        else:
            folder = local_path(self.place(self.store))
            if folder is not None and folder.is_dir():
                folder = Path(next(iter(_plates_in(str(folder)).values())))
        return None if folder is None or not folder.is_dir() else _first_image(str(folder), _changed(folder))

    def image_files(self, unit: str) -> Iterator[Path]:
        """Metadata of plate, wells and images, and the files of the first scale."""
        store = Path(self.store_location(unit).removeprefix("file://"))
        yield from _group_files(store)
        plate = ngff.plate_of(ngff.attributes_of(ngff.read_folder(store), "", str(store)), str(store))
        image = _first_image(str(store), _changed(store))
        for well in sorted(plate.wells):
            yield from _group_files(store / well)
            if image is None or not (store / well).is_dir():
                continue
            for place in (entry for entry in os.scandir(store / well) if entry.is_dir()):
                yield from _group_files(Path(place.path))
                if self.watch_images:
                    yield from files_below(Path(place.path) / image.dataset)


def _number(meant: str, labels: tuple[str, ...] | None) -> int | None:
    """Place of the label that is meant, as written or else without regard to case; None where it is not there."""
    if labels is None:
        return None
    exact = [k for k, text in enumerate(labels) if text == meant.strip()]
    loose = [k for k, text in enumerate(labels) if text.casefold() == meant.strip().casefold()]
    return exact[0] if exact else loose[0] if len(loose) == 1 else None


def _plates_in(folder: str) -> Mapping[str, str]:
    """Name of each plate → its store: the folder itself where it is a plate, else those of its folders that are."""
    return _known_plates(folder, _changed(Path(folder)))


@lru_cache(maxsize=16)
def _known_plates(folder: str, changed: int) -> Mapping[str, str]:
    attributes = ngff.attributes_of(ngff.read_folder(folder), "", folder)
    if ngff.is_plate(attributes):
        return {ngff.store_stem(str(Path(folder).resolve())): folder}
    inner = sorted(entry.path for entry in os.scandir(folder) if entry.is_dir())
    plates = [path for path in inner if ngff.is_plate(ngff.attributes_of(ngff.read_folder(path), "", path))]
    if not plates:
        ngff.plate_of(attributes, folder)  # says what it is instead
    return {ngff.store_stem(path): path for path in plates}


@lru_cache(maxsize=64)
def _first_image(store: str, changed: int) -> ngff.Image | None:
    """The first image of a plate that is there; None for a plate without any."""
    read = ngff.read_folder(store)
    for well in ngff.plate_of(ngff.attributes_of(read, "", store), store).wells:
        attributes = ngff.attributes_of(read, well, store)
        if attributes is None:
            continue
        for path, _ in ngff.fields_of(attributes, f"{store}/{well}"):
            found = ngff.attributes_of(read, f"{well}/{path}", store)
            if found is not None:
                return ngff.image_of(found, f"{store}/{well}/{path}")
    return None


def _changed(folder: Path) -> int:
    """Time of a folder's metadata, or of the folder."""
    return max((path.stat().st_mtime_ns for path in (folder, *_group_files(folder)) if path.exists()), default=0)


def _group_files(folder: Path) -> list[Path]:
    return [folder / name for name in ngff.GROUPS]


def files_below(folder: Path) -> Iterator[Path]:
    for parent, _, names in os.walk(folder):
        yield from (Path(parent) / name for name in names)
