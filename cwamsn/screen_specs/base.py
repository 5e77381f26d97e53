"""What every kind of screen says of itself before anything is fetched."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from cwamsn.options import Options
from cwamsn.screen_specs.image_options import ImageOptions
from cwamsn.screen_specs.watch import state_of


@dataclass(frozen=True, kw_only=True)
class Retry(Options):
    """How patiently to fetch from a remote host."""

    attempts: int = 8
    backoff_s: float = 1.0
    timeout_s: float = 60.0
    etag_is_md5: bool = True


@dataclass(frozen=True, kw_only=True)
class ScreenSpec(Options):
    """A screen of the configuration. The lists of files hold URLs and paths; a simulated screen has none of its own."""

    source: ClassVar[str]
    channel_map: str | None = None
    crops: Mapping[str, object] | None = None
    """What this screen changes in the section `crops`."""
    cell_counts: str | None = None
    """The user's own table of cells per well; the wells table is made without it."""

    @abstractmethod
    def units(self) -> list[str]:
        """Plates or shards of the screen."""

    def stains(self) -> list[str]:
        """Names of the screen's own stains, in order."""
        return list(getattr(self, "channels", ()))

    def metadata_files(self) -> list[str]:
        """Locations of the tables behind the wells table, as far as they are known before anything is fetched."""
        return []

    def truth_files(self) -> list[str]:
        """Locations of the table of known compound-gene relationships."""
        return []

    def released_files(self) -> list[str]:
        """Locations of the embeddings that are published with the screen."""
        return []

    def image_options(self) -> ImageOptions:
        """What the image files hold; the key `images` where the kind of screen has it."""
        return ImageOptions()

    def pixel_size(self) -> float | None:
        """Side of a pixel, µm; None: not known."""
        return self.image_options().microns_per_pixel

    def barcode(self, unit: str) -> str:
        """What the user calls a plate."""
        return unit

    def whole_state(self, unit: str) -> str:
        """:meth:`state`, and that of the illumination functions of the unit."""
        functions = self.image_options().illumination_of(self.barcode(unit))
        return state_of(functions.values(), self.state(unit)) if functions else self.state(unit)

    def state(self, unit: str) -> str:
        """A text that changes when the user's own files behind a unit do; '' where none of them is local."""
        return ""


@dataclass(frozen=True, kw_only=True)
class HostedSpec(ScreenSpec):
    """A screen that is fetched."""

    retry: Retry = field(default_factory=Retry)
