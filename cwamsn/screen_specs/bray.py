"""Keys of the Bray screen (`source: bray`), its plates, and where its files are."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from cwamsn.naming import plate_text
from cwamsn.screen_specs.base import HostedSpec
from cwamsn.screen_specs.locations import join, local_path
from cwamsn.screen_specs.watch import state_of
from cwamsn.vocabulary import BRAY_STAINS

GALLERY = "cpg0012-wawer-bioactivecompoundprofiling/broad"
SPLITS = ("train", "val", "test")


@dataclass(frozen=True, kw_only=True)
class BraySpec(HostedSpec):
    """Section `screens.<name>` of a Bray screen; `config/README.md` describes every key."""

    source: ClassVar[str] = "bray"
    images: str = "gallery"
    microns_per_pixel: float | None = None
    metadata: str = "gallery"
    plates: list[int | str] | None = None
    keep: str = "split"
    identity: str = "inchikey"
    perturbation: str = "compound"
    split: str = "auto"
    split_name: str = "datasplit1"
    split_seed: int = 0
    shared_blocks: str = "keep_in_first"
    cil_url: str = "https://cildata.crbs.ucsd.edu"
    gallery_url: str = "https://cellpainting-gallery.s3.amazonaws.com"
    annotations_url: str | None = (
        "https://s3.ap-northeast-1.wasabisys.com/gigadb-datasets/live/pub/10.5524/100001_101000/100351"
        "/chemical_annotations.csv"
    )
    split_url: str = "https://huggingface.co/suinleelab/CellCLIP/resolve/main"

    def pixel_size(self) -> float | None:
        """Side of a pixel, µm; None: not known."""
        return self.microns_per_pixel

    def units(self) -> list[str]:
        """Plates: the chosen ones, else all 406."""
        return all_plates() if self.plates is None else [plate_text(p) for p in self.plates]

    def stains(self) -> list[str]:
        """The five exposures."""
        return list(BRAY_STAINS)

    def metadata_files(self) -> list[str]:
        """Chemical annotations, plate maps and split files."""
        found = [self.annotations_url] if self.annotations_url else []
        if self.metadata == "gallery":
            folder = join(self.gallery_url, f"{GALLERY}/workspace/metadata/platemaps/CDRP")
            found.append(join(folder, "barcode_platemap.csv"))
            maps = local_path(join(folder, "platemap"))
            found += sorted(str(path) for path in maps.glob("*.txt")) if maps is not None else []
        if self.split != "own":
            found += self.split_files().values()
        return found

    def split_files(self) -> dict[str, str]:
        """Locations of the published split files by split."""
        return {split: join(self.split_url, f"{self.split_name}-{split}.csv") for split in SPLITS}

    def state(self, unit: str) -> str:
        """Changes when the images of a plate on a local host do."""
        if local_path(self.cil_url if self.images == "cil" else self.gallery_url) is None:
            return ""
        if self.images == "cil":
            return state_of(self.zip_url(unit, stain) for stain in BRAY_STAINS)
        folder = local_path(join(self.gallery_url, self.image_folder(unit)))
        return state_of(sorted(folder.iterdir()) if folder is not None and folder.is_dir() else [])

    def zip_url(self, plate: str, stain: str) -> str:
        """Location of a channel zip of the Cell Image Library."""
        return join(self.cil_url, "broad_data", f"plate_{plate}", f"{plate}-{stain}.zip")

    def image_folder(self, plate: str) -> str:
        """A plate's folder of TIFF files below the Gallery's bucket."""
        return f"{GALLERY}/images/CDRP/images/{plate}"


def all_plates() -> list[str]:
    """The 406 plate ids of the screen, from the committed table."""
    path = Path(__file__).with_name("bray_plates.tsv")
    return [line.split("\t")[0] for line in path.read_text().splitlines()[1:]]
