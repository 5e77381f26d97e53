"""Keys of a screen that is a folder of images (`source: folder`), whose file names say what they show."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from cwamsn.errors import InputError
from cwamsn.naming import plate_name
from cwamsn.screen_specs.folders import FolderImage, FolderImages, look_again, one_per_plane
from cwamsn.screen_specs.images import known_location
from cwamsn.screen_specs.listed import ListedSpec, check_depths
from cwamsn.screen_specs.locations import local_path
from cwamsn.screen_specs.watch import state_of_paths


@dataclass(frozen=True, kw_only=True)
class FolderSpec(ListedSpec):
    """Section `screens.<name>` of such a screen; `config/README.md` describes every key."""

    source: ClassVar[str] = "folder"
    list_key: ClassVar[str] = "folder"
    folder: str
    pattern: str | None = None
    channels: dict[str, str] | None = None
    time: int | None = None

    def path(self) -> Path:
        """The folder. InputError for one on a host, whose names cannot be listed."""
        path = local_path(known_location(self.folder, "folder"))
        if path is None:
            raise InputError(f"folder: {self.folder} is on a host; list its images in a sample sheet")
        return path

    def looked(self) -> FolderImages:
        """What the folder holds."""
        return look_again(self.path(), self.pattern)

    def words(self) -> dict[str, str]:
        """Stain → the word that stands for it in file names. InputError for a word that no name has."""
        known = self.looked().channels()
        if self.channels is None:
            return {word: word for word in known}
        for stain, word in self.channels.items():
            if word not in known:
                raise InputError(
                    f"channels: {stain} is {word!r}, which no file of {self.folder} has; it has {', '.join(known)}"
                )
        return dict(self.channels)

    def stains(self) -> list[str]:
        """Those of `channels`, else the words of the file names."""
        return list(self.words() if self.channels is None else self.channels)

    def listed_plates(self) -> list[str]:
        """Barcodes of the plates that have images."""
        return self.looked().plates()

    def images_of(self, unit: str) -> list[FolderImage]:
        """Images of a plate, one per plane. InputError for a plate without any, two files of a plane, several times."""
        looked = self.looked()
        found = [image for plate in looked.plates() if plate_name(plate) == unit for image in looked.of_plates[plate]]
        if not found:
            have = ", ".join(looked.plates()[:5])
            raise InputError(f"{self.folder}: has no image of plate {unit}; it has {have}: correct `plates`")
        return one_per_plane(found, self.path(), self.time)

    def state(self, unit: str) -> str:
        """Changes when the names of a plate's images do, or (unless `watch_images` is false) the images."""
        images = self.images_of(unit)
        check_depths({str(i.z) for i in images}, self, self.folder)
        paths = [str(self.path() / image.path) for image in images] if self.watch_images else []
        return state_of_paths(paths, "\n".join(image.path for image in images))
