"""What the configuration says of the crop store, as types."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from cwamsn.merging import merge
from cwamsn.options import Options
from cwamsn.vocabulary import BRAY_STAINS

Threshold = float | Mapping[str, float | None] | None
"""One number, or one per channel; None for no threshold."""


@dataclass(frozen=True, kw_only=True)
class QcOptions(Options):
    """Section `crops.qc`: thresholds per channel below or above which a field is left out."""

    min_std: Threshold = 0
    min_focus: Threshold = None
    max_saturation: Threshold = None
    max_blank_tail: float | None = 0.01
    skip_duplicates: bool = True


@dataclass(frozen=True, kw_only=True)
class PlateOptions(Options):
    """Section `crops.plates`: whether a plate that is lost or repeats another one shall `stop` the run, or `warn`."""

    lost: str = "stop"
    repeated: str = "stop"


@dataclass(frozen=True, kw_only=True)
class CellOptions(Options):
    """Section `crops.cells`: whether the cells of each field are counted, and how large their nuclei are."""

    count: bool = False
    channel: str | None = None
    diameter: float | None = None


@dataclass(frozen=True, kw_only=True)
class CropOptions(Options):
    """Section `crops`."""

    channels: list[str] = field(default_factory=lambda: list(BRAY_STAINS))
    size: list[int] | None = None
    convert_uint8: bool = False
    saturated_share: float = 0.000028
    black_level: int = 0
    plates: PlateOptions = field(default_factory=PlateOptions)
    codec: str = "lz4"
    qc: QcOptions = field(default_factory=QcOptions)
    cells: CellOptions = field(default_factory=CellOptions)


def crops_of(options: CropOptions, own: Mapping[str, object] | None) -> CropOptions:
    """The section `crops` as it holds for a screen that changes the keys `own` of it."""
    return CropOptions.from_config(merge(asdict(options), own)) if own else options


@dataclass(frozen=True, kw_only=True)
class ChannelMap(Options):
    """An entry of `channel_maps`: stains by channel of the crop, and how several become one."""

    channels: Mapping[str, list[str]]
    combine: str = "mean"
